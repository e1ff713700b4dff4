"""All collections' vector indexes, kept in step with the store."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from serving.errors import DataLoss, Unavailable

from retrieval.domain import Collection, CollectionSpec, Effort, IndexKind
from retrieval.index.base import IndexFactory, VectorIndex
from retrieval.index.files import SegmentFiles
from retrieval.index.loading import KindOf, load
from retrieval.index.planner import Walk
from retrieval.index.segmented import SegmentedIndex
from retrieval.index.verifying import file_findings, index_findings
from retrieval.locks import SharedLock
from retrieval.metrics import StoreMetrics
from retrieval.reports import Finding, IndexTotals
from retrieval.store.base import Change, CollectionChange
from retrieval.store.reader import Reader

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Segments:
    """Where sealed segments lie, and what they are."""

    files: SegmentFiles
    kind_of: KindOf


class IndexSet:
    """Listens to a store. Share `lock` from opening a reader to the end of a search: both then agree.

    Collections whose kind is None, or all without `segments`, are searched by what `make` makes.
    """

    def __init__(self, make: IndexFactory, metrics: StoreMetrics, segments: Segments | None = None) -> None:
        self.lock = SharedLock()
        # Held while segments are exchanged, files and all, and by whoever must not see half of that.
        self.swapping = threading.Lock()
        self.segments = segments
        self.changed: Callable[[], None] = lambda: None  # called after every change
        self.relearned: Callable[[], None] = lambda: None  # called when searches take another time
        self._make = make
        self._metrics = metrics
        self._indexes: dict[int, VectorIndex] = {}
        self._damaged: set[int] = set()
        self._retired: list[str] = []

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

    def learn(self, collection: int, k: int, effort: Effort, recall: float) -> bool:
        """Have an index learn from what share of its k nearest a query without a filter found; raises as `get` does.

        Tells whether that changes how it is searched.
        """
        changed = self.get(collection).learn(k, effort, recall)
        if changed:
            self.relearned()
        return changed

    def publish(self, commit: Callable[[], None], changes: Sequence[Change]) -> None:
        """Commit and take the changes in while nobody searches; what changes no vector disturbs nobody."""
        if not changes:
            commit()
            return
        with self.lock.exclusive():
            commit()
            for change in changes:
                try:
                    self._apply(change)
                # The write is durable whatever happens here: the index is dropped rather than left astray.
                except Exception:
                    log.exception("index_update_failed", collection=change.collection)
                    self._indexes.pop(change.collection, None)
        self.changed()

    def reload(self, reader: Reader) -> None:
        """Load or derive all indexes, while nobody has a view of the store."""
        started = time.perf_counter()
        self._indexes = {}  # an old one would be astray, were this to fail
        fresh: dict[int, VectorIndex] = {}
        damaged: set[int] = set()
        retired: list[str] = []
        known: set[str] = set()
        for collection in reader.collections(None):
            known.update(record.token for record in reader.segments(collection.id))
            try:
                fresh[collection.id], gone = self._load(collection, reader)
                retired += gone
            except DataLoss:  # the other collections are served all the same
                log.exception("vectors_damaged", collection=collection.id)
                damaged.add(collection.id)
        if self.segments:
            self.segments.files.sweep(known)
        # Not under the lock: a search may hold it and wait for the very restore that calls this.
        self._indexes, self._damaged, self._retired = fresh, damaged, retired
        self._metrics.index_rebuild_seconds.observe(time.perf_counter() - started)
        self.changed()

    def rebuild(self, collection: Collection, reader: Reader) -> None:
        """Derive one index anew; no commit may happen meanwhile. Its segments are removed, and built again later."""
        started = time.perf_counter()
        records = reader.segments(collection.id)
        if self.segments:  # first of all, so that no later start loads them again
            self.segments.files.remove([record.token for record in records])
        fresh = self._derive(collection.spec, reader, collection.id)
        self._metrics.index_rebuild_seconds.observe(time.perf_counter() - started)
        with self.lock.exclusive():
            self._indexes[collection.id] = fresh
            self._damaged.discard(collection.id)
            self._retired += [record.token for record in records]
        self.changed()

    def verify(self, collection: Collection, reader: Reader) -> list[Finding]:
        """Compare an index with the stored vectors; no commit may happen meanwhile."""
        with self.swapping:
            return list(index_findings(collection, self._indexes.get(collection.id), reader))

    def verify_files(self, collection: Collection) -> list[Finding]:
        """Compare the files of an index's segments with the manifest; commits go on, segments stay as they are."""
        if self.segments is None:
            return []
        with self.swapping:
            return list(file_findings(collection, self._indexes.get(collection.id), self.segments.files))

    def segmented(self) -> dict[int, SegmentedIndex]:
        """Return the indexes that have segments, by collection."""
        return {
            number: index
            for number, index in list(self._indexes.items())
            if isinstance(index, SegmentedIndex)
        }

    def has(self, collection: int, index: VectorIndex) -> bool:
        """Tell whether this is still the collection's index."""
        return self._indexes.get(collection) is index

    def take_retired(self) -> list[str]:
        """Return, once, the segments whose files and manifest rows are to be removed."""
        if not self._retired:
            return []
        with self.lock.exclusive():
            retired, self._retired = self._retired, []
        return retired

    def retire(self, tokens: Sequence[str]) -> None:
        """Have `take_retired` return these, too."""
        with self.lock.exclusive():
            self._retired += tokens

    def measure(self) -> IndexTotals:
        """Measure all indexes."""
        with self.lock.shared():
            indexes = list(self._indexes.values())
            segmented = [index for index in indexes if isinstance(index, SegmentedIndex)]
            segments = [segment for index in segmented for segment in index.segments]
            return IndexTotals(
                vector_count=sum(map(len, indexes)),
                vector_bytes=sum(index.nbytes for index in indexes),
                segment_count=len(segments),
                segment_bytes=sum(segment.record.size_bytes for segment in segments),
                sealed_count=sum(len(segment.ids) for segment in segments),
                tombstone_count=sum(len(segment.ids) - segment.live_count for segment in segments),
                unsealed_count=sum(index.delta_count for index in segmented),
                walk_widths=_widest(segmented),
            )

    def _load(self, collection: Collection, reader: Reader) -> tuple[VectorIndex, list[str]]:
        kind = self.segments.kind_of(collection.spec) if self.segments else None
        if self.segments is None or kind is None:
            return self._derive(collection.spec, reader, collection.id), []
        index, damaged = load(collection, reader, kind, self.segments.files, reader.segments(collection.id))
        self._metrics.damaged_segments.inc(len(damaged))
        return index, damaged

    def _derive(self, spec: CollectionSpec, reader: Reader, collection: int) -> VectorIndex:
        index = self._empty(spec)
        for ids, vectors in reader.vectors(collection):
            index.add(ids, vectors)
        return index

    def _empty(self, spec: CollectionSpec) -> VectorIndex:
        kind = self.segments.kind_of(spec) if self.segments else None
        return self._make(spec) if kind is None else SegmentedIndex(spec, kind)

    def _apply(self, change: Change) -> None:
        if isinstance(change, CollectionChange):
            gone = self._indexes.pop(change.collection, None)
            if isinstance(gone, SegmentedIndex):
                self._retired += [segment.record.token for segment in gone.segments]
            if change.spec is not None:
                self._indexes[change.collection] = self._empty(change.spec)
        elif (index := self._indexes.get(change.collection)) is not None:
            index.remove(change.removed)
            index.add(change.added, change.vectors)


def _widest(indexes: Sequence[SegmentedIndex]) -> dict[tuple[IndexKind, Effort], int]:
    """Return the widest walks for the nearest 10, by kind of index and effort."""
    widest: dict[tuple[IndexKind, Effort], int] = {}
    for index in indexes:
        for effort in (Effort.DEFAULT, Effort.ACCURATE):
            for segment in index.segments:
                if isinstance(step := segment.plan(10, None, effort), Walk):
                    key = index.spec.index, effort
                    widest[key] = max(widest.get(key, 0), step.width)
    return widest
