from typing import Any

import faiss
import numpy as np
import pytest
from retrieval.domain import CollectionSpec, Effort, Hnsw, IndexKind, Metric, Vector
from retrieval.index import kinds
from retrieval.index.kinds import FaissKind

SPEC = CollectionSpec("c", 16, Metric.L2, index=IndexKind.HNSW, options=Hnsw(m=4, ef_construction=16))
VECTORS = np.random.default_rng(0).standard_normal((1000, 16), dtype=np.float32)


@pytest.mark.parametrize("kind", [IndexKind.HNSW, IndexKind.SCALAR_QUANTIZED])
def test_a_graph_is_built_from_checkpoint_to_checkpoint(
    kind: IndexKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "_BLOCK", 300)
    calls: list[None] = []
    spec = CollectionSpec("c", 16, Metric.L2, kind, options=SPEC.options)
    segment = FaissKind(spec).build(VECTORS, lambda: calls.append(None))
    assert (len(calls), segment.ntotal) == (5, 1000)  # of four blocks, and of the links that they lack
    _, slots = segment.search(VECTORS, 1, None, Effort.EXACT)
    assert (slots == np.arange(1000)[:, None]).any(axis=1).all()  # codes give all of so few


def test_a_graph_that_grows_is_never_moved() -> None:
    index: Any = kinds._empty(SPEC, len(VECTORS))
    kinds._reserve(index, len(VECTORS))
    storage: Any = faiss.downcast_index(index.storage)
    begin = int(storage.codes.data())
    for start in range(0, len(VECTORS), 300):
        index.add(VECTORS[start : start + 300])
        assert int(storage.codes.data()) == begin
    assert index.ntotal == len(VECTORS)


def recall(vectors: Vector, queries: Vector, k: int) -> float:
    """Share of the k nearest that walks through a graph of few links find; so few vectors would be scanned."""
    spec = CollectionSpec("c", vectors.shape[1], Metric.L2, IndexKind.HNSW, options=Hnsw(m=4))
    _, nearest = faiss.knn(queries, vectors, k, faiss.METRIC_L2)
    _, found = FaissKind(spec).build(vectors)._walk(queries, k, 256, None)
    return float(np.mean([len({*ours} & {*truth}) / k for ours, truth in zip(found, nearest, strict=True)]))


def test_all_are_found_amid_many_that_are_alike() -> None:
    source = np.random.default_rng(0)
    middles = np.repeat(source.standard_normal((20, 128)), 200, axis=0)
    vectors = (middles + 0.5 * source.standard_normal(middles.shape)).astype(np.float32)
    assert recall(vectors, vectors, 1) >= 0.99  # 0.96 if nothing is linked back


def test_vectors_may_come_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_BLOCK", 100)
    source = np.random.default_rng(0)
    middles = source.standard_normal((100, 128))
    copies = middles[source.integers(100, size=6000)] + 0.7 * source.standard_normal((6000, 128))
    vectors = np.concatenate([middles, copies]).astype(np.float32)
    queries = source.standard_normal((500, 128), dtype=np.float32)
    assert recall(vectors, queries, 10) >= 0.89  # 0.86 if they are added in theirs
