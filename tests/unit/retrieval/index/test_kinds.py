from typing import Any

import faiss
import numpy as np
import pytest
from retrieval.domain import CollectionSpec, Effort, Hnsw, IndexKind, Metric
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
    assert (len(calls), segment.ntotal) == (4, 1000)
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
