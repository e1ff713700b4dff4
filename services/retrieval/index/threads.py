"""What a thread does to the cores: its priority, and OpenMP's threads, which FAISS counts for each that calls it."""

import contextlib
import os
import threading

import faiss

_NICENESS = 10


def cores() -> int:
    """Cores that this process may use, where the system tells, as Linux does; else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compute_alone() -> None:
    """Have FAISS compute in the calling thread alone: several callers' threads would crowd the cores."""
    faiss.omp_set_num_threads(1)


def stand_back() -> None:
    """Let other threads go before the calling one, where the system can, as Linux does."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
