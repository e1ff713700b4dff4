"""What every vector index must do, against numpy in float64."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieval.domain import CollectionSpec, Hnsw, Ids, IndexKind, Metric, Scores, SegmentRecord, Vector
from retrieval.index.base import VectorIndex
from retrieval.index.flat import FlatIndex
from retrieval.index.kinds import FaissKind
from retrieval.index.policy import Job
from retrieval.index.segment import Segment
from retrieval.index.segmented import SegmentedIndex


class SealingIndex(SegmentedIndex):
    """Seals after every second change, as a builder would; every fifth time into one segment."""

    def __init__(self, spec: CollectionSpec) -> None:
        super().__init__(spec, FaissKind(replace(spec, index=IndexKind.HNSW, options=Hnsw(m=4))))
        self._changes = 0

    def add(self, ids: Ids, vectors: Vector) -> None:
        super().add(ids, vectors)
        self._change()

    def remove(self, ids: Ids) -> None:
        super().remove(ids)
        self._change()

    def _change(self) -> None:
        self._changes += 1
        if self._changes % 2:
            return
        tokens = [s.record.token for s in self.segments] if self._changes % 5 == 0 else []
        ids = self.begin(Job(self.delta_count, tuple(tokens)))
        segment = None
        if len(ids):
            parts = [held for held in self._held(ids) if len(held[0])]
            order = np.argsort(np.concatenate([held for held, _ in parts]))
            kept = np.concatenate([vectors for _, vectors in parts if vectors is not None])[order]
            record = SegmentRecord(str(self._changes), 1, IndexKind.HNSW, len(ids), DIMENSION, "", "", 0)
            segment = Segment(record, ids, self.kind.build(kept), self.spec.metric)
        self.swap(segment, tokens)


MAKERS: list[Callable[[CollectionSpec], VectorIndex]] = [FlatIndex, SealingIndex]
DIMENSION = 5
SURELY_MET = 8  # more than k, of equal vectors, by walks that hold all of a small segment


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def make(request: pytest.FixtureRequest) -> Callable[[CollectionSpec], VectorIndex]:
    return request.param  # type: ignore[no-any-return]


def vectors(rng: np.random.Generator, count: int, *, normal: bool = False) -> Vector:
    made = rng.standard_normal((count, DIMENSION)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True) if normal else made


def scores(metric: Metric, stored: Vector, query: Vector) -> Scores:
    wide, wide_query = stored.astype(np.float64), query.astype(np.float64)
    if metric is Metric.L2:
        return -np.square(wide - wide_query).sum(axis=1)
    return (wide * wide_query).sum(axis=1)


@pytest.mark.parametrize("metric", list(Metric))
def test_search_is_exact(make: Callable[[CollectionSpec], VectorIndex], metric: Metric) -> None:
    rng = np.random.default_rng(7)
    stored = vectors(rng, 500, normal=metric is Metric.COSINE)
    ids = np.cumsum(rng.integers(1, 9, 500)).astype(np.int64)
    index = make(CollectionSpec("c", DIMENSION, metric))
    index.add(ids[:300], stored[:300])
    index.add(ids[300:], stored[300:])
    for query in vectors(rng, 20, normal=metric is Metric.COSINE):
        truth = scores(metric, stored, query)
        best = np.argsort(-truth)[:10]
        ((found, found_scores),) = index.search(query[None, :], 10)
        assert found[:10].tolist() == ids[best].tolist()
        assert found_scores[:10] == pytest.approx(truth[best], abs=1e-12)


@given(st.data())
@settings(max_examples=60)
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_any_history_searches_like_a_dict(
    make: Callable[[CollectionSpec], VectorIndex], data: st.DataObject
) -> None:
    index, model, next_id = make(CollectionSpec("c", 2, Metric.INNER_PRODUCT)), {}, 1
    pool = [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (-1.0, 0.5)]
    for _ in range(data.draw(st.integers(1, 6))):
        added = data.draw(st.lists(st.sampled_from(pool), max_size=5))
        fresh = np.arange(next_id, next_id + len(added), dtype=np.int64)
        next_id += len(added) + 1
        index.add(fresh, np.array(added, dtype=np.float32).reshape(-1, 2))
        model.update(zip(fresh.tolist(), added, strict=True))
        gone = data.draw(st.lists(st.integers(0, next_id), max_size=4, unique=True))
        index.remove(np.array(sorted(gone), dtype=np.int64))
        for number in gone:
            model.pop(number, None)
    held = np.array(sorted(model), dtype=np.int64)
    stored = np.array([model[number] for number in held.tolist()], dtype=np.float32).reshape(-1, 2)
    assert len(index) == len(model)
    assert index.mismatch([(held[:2], stored[:2]), (held[2:], stored[2:])]) is None
    allowed = data.draw(st.none() | st.lists(st.integers(0, next_id), max_size=8, unique=True).map(sorted))
    query, k = np.array([1.0, 0.25], dtype=np.float32), data.draw(st.integers(1, 6))
    restricted = None if allowed is None else np.array(allowed, dtype=np.int64)
    ids, got = index.search(np.stack([-query, query]), k, restricted)[1]
    pairs = sorted(
        (-(x * 1.0 + y * 0.25), number)
        for number, (x, y) in model.items()
        if allowed is None or number in allowed
    )
    expected = [pair for pair in pairs if pair[0] <= pairs[min(k, len(pairs)) - 1][0]]  # ties included
    found = [(-score, number) for score, number in zip(got, ids.tolist(), strict=True)]
    if make is FlatIndex or len(expected) <= k + SURELY_MET:
        assert found == expected
    else:
        assert found == sorted(set(found) & set(expected))
        assert len(found) >= k


def test_equal_vectors_score_equal_wherever_they_lie(
    make: Callable[[CollectionSpec], VectorIndex],
) -> None:
    rng = np.random.default_rng(1)
    stored = vectors(rng, 1000, normal=True)
    stored[::7] = stored[3]
    index = make(CollectionSpec("c", DIMENSION))
    index.add(np.arange(1000, dtype=np.int64), stored)
    ((ids, got),) = index.search(stored[3:4], 5)
    assert len(set(got[:5].tolist())) == 1
    assert sorted(ids.tolist()) == sorted({3, *range(0, 1000, 7)})


def test_ids_must_ascend(make: Callable[[CollectionSpec], VectorIndex]) -> None:
    index = make(CollectionSpec("c", DIMENSION))
    one = np.zeros((1, DIMENSION), dtype=np.float32)
    index.add(np.array([5], dtype=np.int64), one)
    for bad in ([5], [4]):
        with pytest.raises(ValueError, match="ascend"):
            index.add(np.array(bad, dtype=np.int64), one)
    with pytest.raises(ValueError, match="shape"):
        index.add(np.array([6, 7], dtype=np.int64), one)
    assert len(index) == 1


def test_an_empty_index_finds_nothing(make: Callable[[CollectionSpec], VectorIndex]) -> None:
    index = make(CollectionSpec("c", DIMENSION))
    query: Vector = np.ones((1, DIMENSION), dtype=np.float32)
    nothing: Ids = np.empty(0, dtype=np.int64)
    assert [len(ids) for ids, _ in index.search(query, 3)] == [0]
    index.add(np.array([1], dtype=np.int64), query)
    assert [len(ids) for ids, _ in index.search(query, 3, nothing)] == [0]
    assert index.nbytes >= DIMENSION * 4


def test_a_difference_to_what_is_stored_is_told(make: Callable[[CollectionSpec], VectorIndex]) -> None:
    index = make(CollectionSpec("c", DIMENSION))
    stored = vectors(np.random.default_rng(2), 3)
    ids = np.array([1, 2, 3], dtype=np.int64)
    index.add(ids, stored)
    assert index.mismatch([(ids, stored)]) is None
    assert "other chunks" in str(index.mismatch([(ids + 1, stored)]))
    assert "other vectors" in str(index.mismatch([(ids, stored + 1)]))
    assert "3 vectors" in str(index.mismatch([(ids[:2], stored[:2])]))
