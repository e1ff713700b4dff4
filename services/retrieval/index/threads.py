"""OpenMP's threads, which FAISS counts for each thread that calls it."""

import faiss


def compute_alone() -> None:
    """Have FAISS compute in the calling thread alone: several callers' threads would crowd the cores."""
    faiss.omp_set_num_threads(1)
