"""Exact scores in float64, and the best of them: the last step of every dense search."""

import numpy as np

from retrieval.domain import Ids, Metric, Scores, Vector

# Ties with the k-th result are followed this far; beyond, the lower ids win.
MAX_TIES = 4096
SLACK = 32


def score(metric: Metric, query: Vector, rows: Vector) -> Scores:
    """Return the scores (n,) of rows (n, dimension); each row's own, wherever it lies and whatever is beside it."""
    wide = rows.astype(np.float64)
    if metric is Metric.L2:
        return np.asarray(-np.square(wide - query).sum(axis=1), dtype=np.float64)
    scores = (wide * query.astype(np.float64)).sum(axis=1)
    if metric is Metric.COSINE:
        scores = scores.clip(-1.0, 1.0)
    return np.asarray(scores, dtype=np.float64)


def best(ids: Ids, scores: Scores, k: int) -> tuple[Ids, Scores]:
    """Return the k best, best first and ties by id, and after them those that tie with the k-th."""
    if not len(ids):
        return ids, scores
    order = np.lexsort((ids, -scores))
    order = order[scores[order] >= scores[order[min(k, len(order)) - 1]]]
    return ids[order], scores[order]
