"""Exact scores in float64, and the best of them: the last step of every dense search."""

from collections.abc import Callable

import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.domain import Ids, Metric, Scores, Vector

# Ties with the k-th result are followed this far; beyond, the lower ids win.
_MAX_TIES = 4096
_SLACK = 8
# Numbers that are scored at once, 8 bytes each: few enough to stay in a core's cache.
_BLOCK = 1 << 15
_LEAST = np.finfo(np.float64).min

# What is found where there is nothing.
NOTHING: tuple[Ids, Scores] = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64))


def nothing(count: int) -> tuple[Ids, Scores]:
    """Return what is found for so many queries where there is nothing, both (count, 0)."""
    return np.empty((count, 0), dtype=np.int64), np.empty((count, 0), dtype=np.float64)


# How many candidates of each query → distances (n, wanted) in float32 and places (n, wanted), best first.
Candidates = Callable[[int], tuple[NDArray[np.float32], Ids]]


def with_ties(candidates: Candidates, k: int, available: int) -> Ids:
    """Return the places of each query's candidates (n, ≥ k), those that may tie with the k-th among them."""
    wanted = min(k + _SLACK, available)
    while True:
        distances, places = candidates(wanted)
        if places.shape[1] == available:  # all there are
            return places
        edge = distances[:, k - 1]
        tied = np.abs(distances[:, wanted - 1] - edge) <= 1e-5 * np.maximum(1.0, np.abs(edge))
        if not tied.any() or wanted >= k + _MAX_TIES:
            return places
        wanted = min(2 * wanted, available, k + _MAX_TIES)


def score(metric: Metric, queries: Vector, places: Ids, read: Callable[[Ids], Vector]) -> Scores:
    """Return the scores (n, m) of the vectors at `places` (n, m), -inf where a place is -1.

    `read` returns the vectors at places, (count, dimension). Each score is computed by itself, so equal vectors score
    equal wherever they lie.
    """
    (count, each), dimension = places.shape, queries.shape[1]
    step = max(1, _BLOCK // dimension)
    if 0 < each <= step and np.minimum.reduce(places, axis=None) >= 0:
        queries, together = queries[:, None, :], step // each
        parts = [
            _score(metric, queries[some], read(places[some].ravel()).reshape(-1, each, dimension))
            for some in (slice(start, start + together) for start in range(0, count, together))
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    flat = places.ravel()
    owners = np.repeat(np.arange(count), each)
    flat_scores = np.full(len(flat), -np.inf)
    for start in range(0, len(flat), step):
        there = np.flatnonzero(flat[start : start + step] >= 0) + start
        flat_scores[there] = _score(metric, queries[owners[there]], read(flat[there]))
    return flat_scores.reshape(places.shape)


def nearest_scores(metric: Metric, queries: Vector, vectors: Vector, k: int) -> Scores:
    """Return for each query the scores of the k nearest of `vectors` and of a few more, (n, k or more), in no order.

    FAISS finds them in float32, which may order near neighbours differently: hence the few more. Fewer than k come
    back only when fewer exist.
    """
    kind = faiss.METRIC_L2 if metric is Metric.L2 else faiss.METRIC_INNER_PRODUCT
    _, places = faiss.knn(queries, vectors, min(k + _SLACK, len(vectors)), kind)
    return score(metric, queries, places, vectors.__getitem__)


def best(ids: Ids, scores: Scores, k: int) -> tuple[Ids, Scores]:
    """Return the k best, best first and ties by id, and after them those that tie with the k-th; no score of -inf."""
    order = np.lexsort((ids, -scores))
    ids, scores = ids[order], scores[order]
    count = min(k, len(ids))
    while count and scores[count - 1] == -np.inf:
        count -= 1
    while 0 < count < len(ids) and scores[count] == scores[count - 1]:
        count += 1
    return ids[:count], scores[:count]


def best_of_each(ids: Ids, scores: Scores, k: int) -> list[tuple[Ids, Scores]]:
    """Return what `best` does for each row of ids and scores, both (n, m)."""
    if len(ids) == 1 or not ids.shape[1]:
        return [best(row, line, k) for row, line in zip(ids, scores, strict=True)]
    order = np.lexsort((ids, -scores))
    rows = np.arange(len(ids))[:, None]
    ids, scores = ids[rows, order], scores[rows, order]
    edge = np.maximum(scores[:, min(k, ids.shape[1]) - 1], _LEAST)
    counts = np.count_nonzero(scores >= edge[:, None], axis=1)
    return [(ids[row, :count], scores[row, :count]) for row, count in enumerate(counts.tolist())]


def _score(metric: Metric, queries: Vector, rows: Vector) -> Scores:
    """Compare each query with the row beside it, both (…, dimension); (…, 1, dimension) with all rows there."""
    if metric is Metric.L2:
        wide = rows.astype(np.float64)
        return np.asarray(-np.square(wide - queries).sum(axis=-1), dtype=np.float64)
    scores = np.vecdot(rows, queries, dtype=np.float64)
    if metric is Metric.COSINE:
        np.minimum(np.maximum(scores, -1.0, out=scores), 1.0, out=scores)
    return np.asarray(scores, dtype=np.float64)
