"""Maximal marginal relevance: hits that are relevant and unlike each other. Pure."""

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import Scores

Rows = NDArray[np.float64]


def select(relevance: Scores, units: Rows, k: int, weight: float) -> list[int]:
    """Return the places of `k` candidates, or of all when they are fewer, in the order in which they are chosen.

    `relevance` is (n,) and `units` (n, dimension), as `unit_rows` returns them. Each next place is the one with
    the greatest weight * relevance - (1 - weight) * its greatest cosine with a place before it; ties go to the
    earlier place. The first is the most relevant. Source: Carbonell, Goldstein, "The Use of MMR, Diversity-Based
    Reranking for Reordering Documents and Producing Summaries", SIGIR 1998.
    """
    similarity = units @ units.T  # (n, n)
    redundancy: Scores | None = None
    left = np.ones(len(relevance), dtype=bool)
    chosen: list[int] = []
    for _ in range(min(k, len(relevance))):
        marginal = relevance if redundancy is None else weight * relevance - (1 - weight) * redundancy
        best = int(np.argmax(np.where(left, marginal, -np.inf)))
        chosen.append(best)
        left[best] = False
        redundancy = similarity[best] if redundancy is None else np.maximum(redundancy, similarity[best])
    return chosen


def unit_rows(rows: NDArray[np.float32]) -> Rows:
    """Return rows (n, dimension) at length 1, in float64; zero rows stay zero."""
    wide = rows.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0), dtype=np.float64)
