"""What makes sealed segments: FAISS, and a Milvus where Milvus Lite is installed (make test-milvus)."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from retrieval.domain import CollectionSpec, IndexKind
from retrieval.index.base import SegmentKind
from retrieval.index.kinds import FaissKind

MakeKind = Callable[[CollectionSpec], SegmentKind]
KINDS = [IndexKind.HNSW, IndexKind.SCALAR_QUANTIZED, IndexKind.IVF_PQ]
HAS_MILVUS = find_spec("milvus_lite") is not None
# Milvus Lite has no product quantisation.
CASES = [("faiss", kind) for kind in KINDS] + [("milvus", kind) for kind in KINDS[:2] if HAS_MILVUS]


def backend(name: str, scratch: Path) -> MakeKind:
    """Return what makes a collection's kind of segment."""
    if name == "faiss":
        return FaissKind
    from retrieval.index.milvus.kind import MilvusKind
    from retrieval.index.milvus.server import Milvus

    milvus = Milvus(str(scratch / "milvus.db"), "", "0" * 32)
    return lambda spec: MilvusKind(milvus, spec)
