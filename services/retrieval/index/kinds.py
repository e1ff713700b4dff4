"""The kinds of sealed segments: how each is built, and how a file is known to hold one."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from retrieval.domain import CollectionSpec, Effort, Hnsw, Ids, IndexKind, IvfPq, Metric, Vector
from retrieval.index.base import Sealed
from retrieval.index.faiss_segment import FaissSegment
from retrieval.index.graph import GraphSegment, QuantizedGraphSegment
from retrieval.index.inverted import InvertedSegment
from retrieval.index.links import link_back
from retrieval.index.loading import KindOf
from retrieval.index.widths import Widths

# k-means wants 39 vectors a centroid, and gains nothing from more than 64. Codes of 8 bits have 256 centroids.
_LEAST, _MOST = 39, 64
_LEAST_FOR_PQ = 256 * _LEAST
# Vectors that are added by one call of FAISS, which nothing interrupts: a second or two for a large graph.
_BLOCK = 1024


class FaissKind:
    """Builds and reads the segments of one collection of any kind but FLAT, which has none.

    Args:
        target: the recall that widths of graphs are learned for; 0 learns none.
    """

    def __init__(self, spec: CollectionSpec, target: float = 0.0) -> None:
        self._spec = spec
        self._widths = Widths(spec.options if isinstance(spec.options, Hnsw) else Hnsw(), target)

    @property
    def in_memory(self) -> bool:
        """Graphs over whole vectors are; codes need the stored vectors beside them."""
        return self._spec.index is IndexKind.HNSW

    def build(self, vectors: Vector, checkpoint: Callable[[], None] = lambda: None) -> FaissSegment:
        """Build a segment of vectors (n, dimension), n ≥ 1; what `checkpoint` raises ends that."""
        index = _empty(self._spec, len(vectors))
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        index.train(vectors)
        if isinstance(index, faiss.IndexHNSW):
            _connect(index, vectors, checkpoint)
        else:
            _add(index, vectors, np.arange(len(vectors)), checkpoint)
        segment = self._segment(index)
        if isinstance(segment, GraphSegment) and self._widths.target:
            segment.calibrate(vectors, self._spec.metric, self._widths.target)
        return segment

    def read(self, path: Path) -> FaissSegment:
        """Read a file whose checksum was verified; raises ValueError when it holds another kind of index.

        Vectors are copied into memory: a mapped file that is cut short would end the process.
        """
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE)
        except RuntimeError as error:
            raise ValueError("the file holds no index") from error
        expected = _empty(self._spec, int(index.ntotal))
        if [type(index), index.d, index.metric_type] != [type(expected), expected.d, expected.metric_type]:
            raise ValueError(f"the file holds another index than {self._spec.index.value} needs")
        return self._segment(index)

    def learn(self, segments: Sequence[Sealed], k: int, effort: Effort, recall: float) -> bool:
        """Take in what share of its k nearest a query without a filter found in these segments."""
        walked = [
            segment.calibrated
            for segment in segments
            if isinstance(segment, GraphSegment) and segment.walks(k, effort)
        ]
        return bool(walked) and self._widths.observe(effort, min(walked), recall)

    def _segment(self, index: faiss.Index) -> FaissSegment:
        match index, self._spec.options:
            case faiss.IndexHNSWFlat(), Hnsw():
                return GraphSegment(index, self._widths)
            case faiss.IndexHNSWSQ(), Hnsw():
                return QuantizedGraphSegment(index, self._widths)
            case faiss.IndexIVF(), IvfPq() as options:
                return InvertedSegment(index, options)
        raise ValueError(f"{type(index).__name__} is no kind of segment")


def faiss_kinds(target: float = 0.0) -> KindOf:
    """Return what says what a collection's segments are: None for FLAT, which has none."""
    return lambda spec: None if spec.index is IndexKind.FLAT else FaissKind(spec, target)


def _add(index: Any, vectors: Vector, order: Ids, checkpoint: Callable[[], None]) -> None:
    for start in range(0, len(order), _BLOCK):
        checkpoint()
        index.add(vectors[order[start : start + _BLOCK]])


def _connect(index: Any, vectors: Vector, checkpoint: Callable[[], None]) -> None:
    """Make a graph of vectors.

    They are added in random order: walks find far less where like comes after like, or what is rare comes first. FAISS
    shuffles, too, but within a call.
    """
    order = np.random.default_rng(0).permutation(len(vectors))
    _reserve(index, len(vectors))
    _add(index, vectors, order, checkpoint)
    checkpoint()
    index.permute_entries(np.argsort(order))
    links = faiss.rev_swig_ptr(index.hnsw.neighbors.data(), index.hnsw.neighbors.size())
    begins: Any = faiss.vector_to_array(index.hnsw.offsets)
    link_back(links, begins[:-1].astype(np.int64), index.hnsw.nb_neighbors(0))


def _reserve(index: Any, count: int) -> None:
    """Have a graph's vectors lie where they will stay: what grows by and by is copied, and is there twice meanwhile."""
    storage: Any = faiss.downcast_index(index.storage)
    storage.codes.resize(count * storage.code_size)
    storage.codes.clear()


def _empty(spec: CollectionSpec, count: int) -> Any:
    """Return the index that shall hold `count` vectors."""
    metric = faiss.METRIC_L2 if spec.metric is Metric.L2 else faiss.METRIC_INNER_PRODUCT
    byte: Any = faiss.ScalarQuantizer.QT_8bit
    index: Any
    match spec.options:
        case Hnsw(m, ef_construction):
            if spec.index is IndexKind.SCALAR_QUANTIZED:
                index = faiss.IndexHNSWSQ(spec.dimension, byte, m, metric)
            else:
                index = faiss.IndexHNSWFlat(spec.dimension, m, metric)
            index.hnsw.efConstruction = ef_construction
            return index
        case IvfPq(code_bytes):
            lists = max(1, min(round(2 * math.sqrt(count)), count // _LEAST))
            centroids: Any = faiss.IndexFlat(spec.dimension, metric)
            if count < _LEAST_FOR_PQ:
                index = faiss.IndexIVFScalarQuantizer(centroids, spec.dimension, lists, byte, metric)
            else:
                assert code_bytes is not None
                index = faiss.IndexIVFPQ(centroids, spec.dimension, lists, code_bytes, 8, metric)
                index.use_precomputed_table = -1  # the table would be larger than the codes
            index.cp.max_points_per_centroid = _MOST
            return index
    raise ValueError(f"{spec.index} has no segments")
