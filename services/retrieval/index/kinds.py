"""The kinds of sealed segments: how each is built, and how a file is known to hold one."""

import math
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from retrieval.domain import CollectionSpec, Hnsw, IndexKind, IvfPq, Metric, Vector
from retrieval.index.faiss_segment import FaissSegment
from retrieval.index.graph import GraphSegment, QuantizedGraphSegment
from retrieval.index.inverted import InvertedSegment

# k-means wants 39 vectors a centroid, and gains nothing from more than 64. Codes of 8 bits have 256 centroids.
_LEAST, _MOST = 39, 64
_LEAST_FOR_PQ = 256 * _LEAST


class FaissKind:
    """Builds and reads the segments of one collection of any kind but FLAT, which has none."""

    def __init__(self, spec: CollectionSpec) -> None:
        self._spec = spec

    @property
    def in_memory(self) -> bool:
        """Graphs over whole vectors are; codes need the stored vectors beside them."""
        return self._spec.index is IndexKind.HNSW

    def build(self, vectors: Vector) -> FaissSegment:
        """Build a segment of vectors (n, dimension), n ≥ 1."""
        index = _empty(self._spec, len(vectors))
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        index.train(vectors)
        index.add(vectors)
        return _segment(index, self._spec)

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
        return _segment(index, self._spec)


def kind_of(spec: CollectionSpec) -> FaissKind | None:
    """Return what a collection's segments are, None for FLAT, which has none."""
    return None if spec.index is IndexKind.FLAT else FaissKind(spec)


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


def _segment(index: faiss.Index, spec: CollectionSpec) -> FaissSegment:
    match index, spec.options:
        case faiss.IndexHNSWFlat(), Hnsw() as options:
            return GraphSegment(index, options)
        case faiss.IndexHNSWSQ(), Hnsw() as options:
            return QuantizedGraphSegment(index, options)
        case faiss.IndexIVF(), IvfPq() as options:
            return InvertedSegment(index, options)
    raise ValueError(f"{type(index).__name__} is no kind of segment")
