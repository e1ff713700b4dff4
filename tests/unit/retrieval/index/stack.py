from dataclasses import dataclass
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry
from retrieval.domain import (
    Chunk,
    Collection,
    CollectionSpec,
    Document,
    Effort,
    Hnsw,
    IndexKind,
    SegmentRecord,
)
from retrieval.index.builder import Builder
from retrieval.index.files import SegmentFiles
from retrieval.index.flat import FlatIndex
from retrieval.index.kinds import FaissKind
from retrieval.index.segmented import SegmentedIndex
from retrieval.index.set import IndexSet, Segments
from retrieval.metrics import StoreMetrics
from retrieval.store.sqlite.store import SqliteStore

DIMENSION = 4
SEAL_AT = 8
# As the store keeps it: options of kinds are not what these tests are about.
SPEC = CollectionSpec("books", DIMENSION, index=IndexKind.HNSW)


def small_graphs(spec: CollectionSpec) -> FaissKind | None:
    """Small graphs for every collection that is not flat."""
    if spec.index is IndexKind.FLAT:
        return None
    return FaissKind(CollectionSpec("c", spec.dimension, spec.metric, IndexKind.HNSW, options=Hnsw(m=4)))


@dataclass
class Stack:
    """A store with its indexes and their builder, as the service puts them together."""

    store: SqliteStore
    indexes: IndexSet
    builder: Builder
    metrics: StoreMetrics
    registry: CollectorRegistry
    directory: Path

    @property
    def files(self) -> list[str]:
        """Names of the segments' files."""
        return sorted(path.name for path in self.directory.iterdir() if path.is_file())

    def make(self, spec: CollectionSpec = SPEC) -> Collection:
        return self.store.create_collection("t", spec).result(10)

    def put(self, collection: Collection, first: int, count: int) -> None:
        """Write documents d<first> … with a chunk each, all different."""
        self.store.upsert(collection, [document(n) for n in range(first, first + count)], None).result(10)

    def delete(self, collection: Collection, numbers: range) -> None:
        self.store.delete(collection, [f"d{n}" for n in numbers]).result(10)

    def rebuild(self, collection: Collection) -> None:
        self.store.between_writes(lambda reader: self.indexes.rebuild(collection, reader)).result(10)

    def records(self, collection: Collection) -> list[SegmentRecord]:
        """Return the collection's rows of the manifest."""
        with self.store.reading() as reader:
            return list(reader.segments(collection.id))

    def settle(self) -> None:
        assert self.builder.wait_until_idle(60)

    def index(self, collection: Collection) -> SegmentedIndex:
        found = self.indexes.get(collection.id)
        assert isinstance(found, SegmentedIndex)
        return found

    def verify(self, collection: Collection) -> list[str]:
        """Return the kinds of what is wrong."""
        found = self.store.between_writes(lambda reader: self.indexes.verify(collection, reader)).result(30)
        return [finding.kind for finding in found + self.indexes.verify_files(collection)]

    def value(self, metric: str) -> float:
        return self.registry.get_sample_value(f"quadrille_retrieval_{metric}") or 0.0

    def close(self) -> None:
        self.builder.stop()
        self.store.close()


def document(number: int) -> Document:
    vector = np.random.default_rng(number).standard_normal(DIMENSION).astype(np.float32)
    return Document(f"d{number}", chunks=(Chunk(f"word{number}", vector=vector / np.linalg.norm(vector)),))


def found(stack: Stack, collection: int, number: int, k: int = 1) -> list[int]:
    """Search for what document d<number> says; returns the chunks."""
    query = document(number).chunks[0].vector
    assert query is not None
    ((ids, _),) = stack.indexes.get(collection).search(query[None, :], k, None, Effort.EXACT)
    return ids.tolist()[:k]


def open_stack(directory: Path, quiet_s: float = 0.0) -> Stack:
    """Open the store in `directory`."""
    registry = CollectorRegistry()
    metrics = StoreMetrics(registry)
    segments = Segments(SegmentFiles(directory / "segments"), small_graphs)
    indexes = IndexSet(FlatIndex, metrics, segments)
    store = SqliteStore(directory, indexes, metrics)
    builder = Builder(store, indexes, segments, metrics, seal_at=SEAL_AT, quiet_s=quiet_s)
    return Stack(store, indexes, builder, metrics, registry, directory / "segments")
