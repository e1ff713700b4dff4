"""All collections' vector indexes, kept in step with the store."""

import time
from collections.abc import Callable, Sequence

import structlog
from serving.errors import DataLoss, Unavailable

from retrieval.domain import Collection, CollectionSpec, Finding
from retrieval.index.base import IndexFactory, VectorIndex
from retrieval.locks import SharedLock
from retrieval.metrics import StoreMetrics
from retrieval.store.base import Change, CollectionChange
from retrieval.store.reader import Reader

log = structlog.get_logger(__name__)


class IndexSet:
    """Listens to a store. Share `lock` from opening a reader to the end of a search: both then agree."""

    def __init__(self, make: IndexFactory, metrics: StoreMetrics) -> None:
        self.lock = SharedLock()
        self._make = make
        self._metrics = metrics
        self._indexes: dict[int, VectorIndex] = {}
        self._damaged: set[int] = set()

    def get(self, collection: int) -> VectorIndex:
        """Return a collection's index; raises DataLoss or Unavailable when it could not be made or kept up."""
        index = self._indexes.get(collection)
        if index is None and collection in self._damaged:
            raise DataLoss("the collection's stored vectors are damaged: Restore the store from a snapshot")
        if index is None:
            raise Unavailable(
                "the collection's vector index is being rebuilt: AdminService.Repair rebuilds it"
            )
        return index

    def publish(self, commit: Callable[[], None], changes: Sequence[Change]) -> None:
        """Commit and take the changes in while nobody searches."""
        with self.lock.exclusive():
            commit()
            for change in changes:
                try:
                    self._apply(change)
                # The write is durable whatever happens here: the index is dropped rather than left astray.
                except Exception:
                    log.exception("index_update_failed", collection=change.collection)
                    self._indexes.pop(change.collection, None)

    def reload(self, reader: Reader) -> None:
        """Derive all indexes anew, while nobody has a view of the store."""
        started = time.perf_counter()
        collections = reader.collections(None)
        fresh: dict[int, VectorIndex] = {}
        damaged: set[int] = set()
        for collection in collections:
            try:
                fresh[collection.id] = self._build(collection.id, collection.spec, reader)
            except DataLoss:  # the other collections are served all the same
                log.exception("vectors_damaged", collection=collection.id)
                damaged.add(collection.id)
        # Not under the lock: a search may hold it and wait for the very restore that calls this.
        self._indexes, self._damaged = fresh, damaged
        self._metrics.index_rebuild_seconds.observe(time.perf_counter() - started)

    def rebuild(self, collection: Collection, reader: Reader) -> None:
        """Derive one index anew; no commit may happen meanwhile."""
        started = time.perf_counter()
        fresh = self._build(collection.id, collection.spec, reader)
        self._metrics.index_rebuild_seconds.observe(time.perf_counter() - started)
        with self.lock.exclusive():
            self._indexes[collection.id] = fresh
            self._damaged.discard(collection.id)

    def verify(self, collection: Collection, reader: Reader) -> list[Finding]:
        """Compare an index with the stored vectors, bit by bit; no commit may happen meanwhile."""
        index = self._indexes.get(collection.id)
        if index is None:
            return [_mismatch(collection, "the vector index is missing")]
        difference = index.mismatch(reader.vectors(collection.id))
        return [_mismatch(collection, f"the vector index {difference}")] if difference else []

    def measure(self) -> tuple[int, int]:
        """Return the number of vectors and their bytes."""
        with self.lock.shared():
            indexes = list(self._indexes.values())
            return sum(map(len, indexes)), sum(index.nbytes for index in indexes)

    def _build(self, collection: int, spec: CollectionSpec, reader: Reader) -> VectorIndex:
        index = self._make(spec)
        for ids, vectors in reader.vectors(collection):
            index.add(ids, vectors)
        return index

    def _apply(self, change: Change) -> None:
        if isinstance(change, CollectionChange):
            if change.spec is None:
                self._indexes.pop(change.collection, None)
            else:
                self._indexes[change.collection] = self._make(change.spec)
        elif (index := self._indexes.get(change.collection)) is not None:
            index.remove(change.removed)
            index.add(change.added, change.vectors)


def _mismatch(collection: Collection, description: str) -> Finding:
    return Finding(collection.spec.name, "VECTOR_INDEX_MISMATCH", description)
