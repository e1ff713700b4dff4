"""How segments are built in a Milvus, and known again: their index file names a collection there."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pymilvus import DataType, MilvusClient

from retrieval.domain import CollectionSpec, Effort, Hnsw, IndexKind, IvfPq, Metric, Vector
from retrieval.index.base import Sealed
from retrieval.index.loading import KindOf
from retrieval.index.milvus.segment import SLOT, VECTOR, Effects, MilvusSegment
from retrieval.index.milvus.server import Milvus, asked, name_in
from retrieval.index.widths import UNLEARNED

# Of one insert; Milvus takes messages of 64 MiB.
_BLOCK_BYTES = 8 << 20
# Vectors that a walk through a graph may hold, as Milvus has it.
_WIDEST = 32_768


class MilvusKind:
    """Builds and reads the segments of one collection of any kind but FLAT, which has none."""

    in_memory = False

    def __init__(self, milvus: Milvus, spec: CollectionSpec) -> None:
        self._milvus = milvus
        self._spec = spec
        self._metric = "L2" if spec.metric is Metric.L2 else "IP"  # under cosine, all are of length 1

    def build(self, vectors: Vector, checkpoint: Callable[[], None] = lambda: None) -> MilvusSegment:
        """Build a segment of vectors (n, dimension), n ≥ 1; raises Unavailable, or what `checkpoint` does.

        It leaves nothing then.
        """
        name = self._milvus.new_name()
        try:
            with asked():
                self._fill(name, vectors, checkpoint)
        except BaseException:
            self._milvus.drop_named(name)
            raise
        return self._segment(name, len(vectors))

    def read(self, path: Path) -> MilvusSegment:
        """Read a file whose checksum was verified; raises ValueError when it names nothing that fits."""
        name = name_in(path)
        if name is None or json.loads(path.read_text()) != self._described(name):
            raise ValueError("the file names no such index in a Milvus")
        client = self._milvus.client
        with asked():
            if not client.has_collection(name):
                raise ValueError("the Milvus lacks its collection")
            client.load_collection(name)
            return self._segment(name, self._count(name))

    def learn(self, segments: Sequence[Sealed], k: int, effort: Effort, recall: float) -> bool:
        """Learn nothing."""
        return False

    def _fill(self, name: str, vectors: Vector, checkpoint: Callable[[], None]) -> None:
        client = self._milvus.client
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(SLOT, DataType.INT64, is_primary=True)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=self._spec.dimension)
        client.create_collection(name, schema=schema)
        step = max(1, _BLOCK_BYTES // (4 * self._spec.dimension))
        for start in range(0, len(vectors), step):
            checkpoint()
            rows = zip(range(start, len(vectors)), vectors[start : start + step], strict=False)
            client.insert(name, [{SLOT: slot, VECTOR: np.asarray(row, np.float32)} for slot, row in rows])
        client.flush(name)
        index = client.prepare_index_params()
        kind, parameters = _index(self._spec, len(vectors))
        index.add_index(VECTOR, index_type=kind, metric_type=self._metric, params=parameters)
        client.create_index(name, index)
        client.load_collection(name)
        if (count := self._count(name)) != len(vectors):
            raise ValueError(f"the Milvus holds {count} of {len(vectors)} vectors")

    def _count(self, name: str) -> int:
        counted = self._milvus.client.query(
            name, filter="", output_fields=["count(*)"], consistency_level="Strong"
        )
        return int(counted[0]["count(*)"])

    def _segment(self, name: str, count: int) -> MilvusSegment:
        effects = _effects(self._spec, count)
        return MilvusSegment(self._milvus.client, self._described(name), count, self._metric, effects)

    def _described(self, name: str) -> dict[str, Any]:
        spec = self._spec
        return {
            "collection": name,
            "index": spec.index.value,
            "metric": self._metric,
            "dimension": spec.dimension,
        }


def milvus_kinds(milvus: Milvus) -> KindOf:
    """Return what says what a collection's segments are: None for FLAT, which has none."""
    return lambda spec: None if spec.index is IndexKind.FLAT else MilvusKind(milvus, spec)


def _index(spec: CollectionSpec, count: int) -> tuple[str, dict[str, Any]]:
    match spec.options:
        case Hnsw(m, ef_construction):
            graph: dict[str, Any] = {"M": m, "efConstruction": ef_construction}
            if spec.index is IndexKind.SCALAR_QUANTIZED:
                return "HNSW_SQ", {**graph, "sq_type": "SQ8"}
            return "HNSW", graph
        case IvfPq(code_bytes):
            return "IVF_PQ", {"nlist": _lists(count), "m": code_bytes, "nbits": 8}
    raise ValueError(f"{spec.index} has no segments")


def _effects(spec: CollectionSpec, count: int) -> Effects:
    match spec.options:
        case Hnsw(ef_search=default, accurate_ef_search=accurate):
            oversampling = 4 if spec.index is IndexKind.SCALAR_QUANTIZED else 1
            values = {Effort.DEFAULT: default or UNLEARNED, Effort.ACCURATE: accurate}
            return Effects("ef", values, _WIDEST, oversampling)
        case IvfPq(probe_share=default_share, accurate_probe_share=accurate_share):
            shares = {Effort.DEFAULT: default_share, Effort.ACCURATE: accurate_share}
            probes = {effort: math.ceil(share * _lists(count)) for effort, share in shares.items()}
            return Effects("nprobe", probes, _lists(count), 10)
    raise ValueError(f"{spec.index} has no segments")


def _lists(count: int) -> int:
    return max(1, round(2 * math.sqrt(count)))
