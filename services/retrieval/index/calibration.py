"""The least width of walks through a new graph that finds enough, measured on queries made of its own vectors."""

from collections.abc import Callable

import faiss
import numpy as np

from retrieval.domain import Ids, Metric, Vector
from retrieval.index import exact
from retrieval.index.widths import LEAST, MOST

K = 10
_QUERIES = 256
# Queries are moved as far as this neighbour is away: out of a group of vectors that are near copies of each other.
_FAR = 100
# Of the misses that a target allows.
_SHARE = 2 / 3
# Each a fifth to a quarter more than the one before.
_WIDTHS = (LEAST, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, MOST)

# Queries (n, dimension) and a width → the slots that a walk finds for each, (n, at least 10), -1 where none.
Walk = Callable[[Vector, int], Ids]


def least_width(metric: Metric, vectors: Vector, walk: Walk, target: float) -> int:
    """Return the least width, up to MOST, at which two thirds of what may be missed of the nearest 10 are missed.

    Queries are some of `vectors` (n, dimension), n > 10, each moved as far as its hundredth neighbour is away: what is
    asked is like what is stored, but lies between groups of it and not within one. Real ones are up to three times as
    hard: the last third of 1 - `target` is for them, and audits see to the rest. Costs 512 scans.
    """
    queries = moved(metric, vectors)
    tenth = np.sort(exact.nearest_scores(metric, queries, vectors, K))[:, -K, None]
    for width in _WIDTHS:
        scores = exact.score(metric, queries, walk(queries, width), vectors.__getitem__)
        found = np.minimum((scores >= tenth).sum(axis=1), K) / K
        if 1 - found.mean() <= _SHARE * (1 - target):
            return width
    return MOST


def moved(metric: Metric, vectors: Vector) -> Vector:
    """Return queries made of some of the vectors, (at most 256, dimension)."""
    source = np.random.default_rng(0)
    rows = vectors[np.sort(source.choice(len(vectors), min(_QUERIES, len(vectors)), replace=False))]
    far = min(_FAR, len(vectors) - 1)
    distances, _ = faiss.knn(rows, vectors, far + 1, faiss.METRIC_L2)  # the first is the vector itself
    steps = source.standard_normal(rows.shape, dtype=np.float32)
    steps *= np.sqrt(distances[:, far:].clip(min=0)) / np.linalg.norm(steps, axis=1, keepdims=True)
    queries = rows + steps
    if metric is Metric.COSINE:
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return np.ascontiguousarray(queries, dtype=np.float32)
