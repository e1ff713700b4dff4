from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from retrieval.domain import (
    CollectionSpec,
    Effort,
    Hnsw,
    Ids,
    IndexKind,
    Metric,
    Scores,
    SegmentRecord,
    Vector,
)
from retrieval.index import exact
from retrieval.index import segment as segment_module
from retrieval.index.base import Fetch
from retrieval.index.kinds import FaissKind
from retrieval.index.segment import Segment

COUNT, DIMENSION = 40, 4
VECTORS: Vector = np.random.default_rng(3).standard_normal((COUNT, DIMENSION)).astype(np.float32)
IDS: Ids = np.arange(COUNT, dtype=np.int64) * 3 + 100


def segment(kind: IndexKind = IndexKind.HNSW) -> Segment:
    spec = CollectionSpec("c", DIMENSION, Metric.L2, kind, options=Hnsw(m=4))
    record = SegmentRecord("t", 1, kind, COUNT, DIMENSION, "", "", 0)
    return Segment(record, IDS, FaissKind(spec).build(VECTORS), Metric.L2)


def search(
    made: Segment, queries: Vector, k: int, allowed: Ids | None, effort: Effort, fetch: Fetch | None
) -> list[tuple[Ids, Scores]]:
    return exact.best_of_each(*made.candidates(queries, k, allowed, effort, fetch), k)


def found(made: Segment, place: int, k: int, allowed: Ids | None = None) -> list[int]:
    ((ids, _),) = search(made, VECTORS[[place]], k, allowed, Effort.DEFAULT, fetch)
    return ids.tolist()[:k]


def fetch(ids: Ids) -> Vector:
    return VECTORS[(ids - 100) // 3]


def test_what_has_a_tombstone_is_not_found_even_where_it_is_allowed() -> None:
    made = segment()
    assert found(made, 7, 1) == [121]
    made.bury(np.array([121, 122, 5], dtype=np.int64))
    assert made.live_count == COUNT - 1
    assert 121 not in found(made, 7, COUNT)
    assert len(found(made, 7, COUNT)) == COUNT - 1
    assert found(made, 7, 5, np.array([118, 121, 122], dtype=np.int64)) == [118]
    assert made.live_ids().tolist() == [number for number in IDS.tolist() if number != 121]
    assert made.held(np.array([118, 121], dtype=np.int64))[0].tolist() == [118]


def test_a_set_that_was_asked_for_before_is_found_without_what_is_gone_since() -> None:
    made, allowed = segment(), np.array([118, 121, 122], dtype=np.int64)
    allowed.flags.writeable = False  # as the store keeps its sets
    assert sorted(found(made, 7, 5, allowed)) == [118, 121]
    made.bury(np.array([121], dtype=np.int64))
    assert found(made, 7, 5, allowed) == [118]


def test_a_segment_all_of_tombstones_finds_nothing() -> None:
    made = segment()
    made.bury(IDS)
    assert (made.live_count, found(made, 1, 3)) == (0, [])


def test_a_kind_without_vectors_has_them_fetched_and_scores_exactly() -> None:
    made = segment(IndexKind.SCALAR_QUANTIZED)
    ((ids, scores),) = search(made, VECTORS[[3]], 2, None, Effort.DEFAULT, fetch)
    assert dict(zip(ids.tolist(), scores.tolist(), strict=True))[109] == 0.0
    assert made.held(IDS[:2])[1] is None
    with pytest.raises(ValueError, match="fetch"):
        search(made, VECTORS[[3]], 2, None, Effort.DEFAULT, None)


def test_slots_of_nothing_are_no_chunks() -> None:
    made = segment()
    whole = made.sealed.search

    def padded(*args: Any) -> tuple[NDArray[np.float32], Ids]:
        distances, slots = whole(*args)
        slots[0, 2:] = -1  # as inverted lists do, for one query and not for the other
        return distances, slots

    made.sealed.search = padded  # type: ignore[method-assign]
    one, other = search(made, VECTORS[:2], 3, None, Effort.DEFAULT, fetch)
    assert len(one[0]) == len(other[0]) == 3
    assert np.isfinite(one[1]).all() and 100 in one[0]


@pytest.mark.parametrize("allowed", [None, IDS[5::2]])
def test_an_exact_search_of_codes_reads_each_vector_once_for_all_queries(
    monkeypatch: pytest.MonkeyPatch, allowed: Ids | None
) -> None:
    monkeypatch.setattr(segment_module, "_READ", 7)
    made = segment(IndexKind.SCALAR_QUANTIZED)
    made.bury(IDS[3:9])
    there = np.setdiff1d(IDS if allowed is None else allowed, IDS[3:9])
    read: list[int] = []

    def reading(ids: Ids) -> Vector:
        assert len(ids) <= 7
        read.extend(ids.tolist())
        return fetch(ids)

    queries = VECTORS[:5] + np.float32(0.3)
    found = search(made, queries, 6, allowed, Effort.EXACT, reading)
    assert read == there.tolist()
    for query, (ids, scores) in zip(queries, found, strict=True):
        distances = np.square(fetch(there).astype(np.float64) - query).sum(axis=1)
        assert ids.tolist() == there[distances.argsort()[:6]].tolist()
        assert scores.tolist() == (-np.sort(distances)[:6]).tolist()
