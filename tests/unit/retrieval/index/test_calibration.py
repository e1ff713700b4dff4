import numpy as np
import pytest
from retrieval.domain import Ids, Metric, Vector
from retrieval.index.calibration import K, least_width, moved
from retrieval.index.widths import LEAST, MOST

COUNT, DIMENSION = 300, 6
VECTORS: Vector = np.random.default_rng(3).standard_normal((COUNT, DIMENSION)).astype(np.float32)
UNITS = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)


def nearest(metric: Metric, queries: Vector, vectors: Vector) -> Ids:
    products = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    if metric is Metric.L2:
        products = 2 * products - np.square(vectors, dtype=np.float64).sum(axis=1)
    return np.argsort(-products, axis=1)[:, :K]


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize(("needed", "expected"), [(1, LEAST), (41, 48), (256, 256), (500, MOST), (513, MOST)])
def test_the_least_width_that_finds_enough_is_taken(metric: Metric, needed: int, expected: int) -> None:
    vectors = UNITS if metric is Metric.COSINE else VECTORS

    def walk(queries: Vector, width: int) -> Ids:
        found = nearest(metric, queries, vectors)
        if width < needed:
            found[:, -1] = -1  # nine of ten
        return found

    assert least_width(metric, vectors, walk, 0.97) == expected
    assert least_width(metric, vectors, walk, 0.79) == LEAST


def test_few_queries_that_find_little_are_enough_to_go_on() -> None:
    def walk(queries: Vector, width: int) -> Ids:
        found = nearest(Metric.L2, queries, VECTORS)
        if width < 64:
            found[:6, 1:] = -1  # a mean of 0.979
        return found

    assert least_width(Metric.L2, VECTORS, walk, 0.97) == 64


def test_equal_vectors_are_as_good_as_each_other() -> None:
    copies = np.tile(UNITS[:1], (100, 1))

    def walk(queries: Vector, width: int) -> Ids:
        return np.tile(np.arange(90, 100), (len(queries), 1))

    assert least_width(Metric.COSINE, copies, walk, 0.99) == LEAST


@pytest.mark.parametrize("metric", list(Metric))
def test_queries_lie_as_far_from_their_vector_as_its_hundredth_neighbour(metric: Metric) -> None:
    wide: Vector = np.random.default_rng(4).standard_normal((400, 256)).astype(np.float32)
    if metric is Metric.COSINE:
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    queries = moved(metric, wide)
    assert queries.shape == (256, 256) and queries.dtype == np.float32
    distances = np.linalg.norm(queries[:, None] - wide[None], axis=2)
    # In so many dimensions a step of any direction leaves the others farther away.
    rows, steps = distances.argmin(axis=1), distances.min(axis=1)
    assert len(set(rows.tolist())) == 256
    far = np.sort(np.linalg.norm(wide[rows][:, None] - wide[None], axis=2), axis=1)[:, 100]
    if metric is Metric.COSINE:
        assert np.allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-6)
        assert np.all((0.5 * far < steps) & (steps < far))
    else:
        assert np.allclose(steps, far, rtol=1e-3)
    assert np.array_equal(queries, moved(metric, wide)), "the same each time"
