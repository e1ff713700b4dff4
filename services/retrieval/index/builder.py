"""The thread that builds segments, off the serving path."""

import contextlib
import functools
import math
import threading
import time
from collections.abc import Callable, Sequence

import faiss
import numpy as np
import structlog
from serving.errors import DataLoss, Overloaded, Unavailable

from retrieval import failpoints
from retrieval.domain import Ids, SegmentRecord, Vector
from retrieval.index.loading import stored_vectors
from retrieval.index.policy import Job, plan
from retrieval.index.segment import Segment
from retrieval.index.segmented import SegmentedIndex
from retrieval.index.set import IndexSet, Segments
from retrieval.index.threads import stand_back
from retrieval.memory import give_back
from retrieval.metrics import StoreMetrics
from retrieval.store.base import Store

log = structlog.get_logger(__name__)

# A build's vectors and the index made of them are in memory besides what is served.
_MAX_SEGMENT_BYTES = 2 << 30
_RETRY_S = 30.0
_BUSY_RETRY_S = 0.2
_STOP_TIMEOUT_S = 5.0
# Commits may come faster than their sum needs looking at.
_PAUSE_S = 0.05
_RETIRED = 0  # no collection has this number
# Seconds that building in a vector takes, and how many vectors' builds that is worth.
_VECTOR_S, _VECTORS = 0.001, 1000


class Builder:
    """Works from construction to `stop`. The store and the indexes it is given are open and in step.

    Args:
        seal_at: vectors of a collection that are searched flat before they are built into a segment.
        quiet_s: seconds without a write after which a collection's segments are made into one, or as long as that
            will take if this is more; 0 leaves them.
    """

    def __init__(
        self,
        store: Store,
        indexes: IndexSet,
        segments: Segments,
        metrics: StoreMetrics,
        *,
        seal_at: int,
        quiet_s: float = 0.0,
        threads: int = 1,
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._files = segments.files
        self._metrics = metrics
        self._seal_at = seal_at
        self._quiet_s = quiet_s or math.inf
        self._built, self._built_s = _VECTORS, _VECTOR_S * _VECTORS
        self._threads = threads
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._resting: dict[int, float] = {}  # collections whose build failed, and when it is tried again
        self._quiet_at = math.inf  # when the next collection will be quiet
        self._idle = threading.Condition()
        self._busy = True
        indexes.changed = self._wake.set
        self._wake.set()
        self._thread = threading.Thread(target=self._run, name="retrieval-builder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more. A build that runs is given up at its next checkpoint, and never published."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(_STOP_TIMEOUT_S)

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until there is nothing to build, nor to try again; False when that takes longer."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._busy and not self._wake.is_set(), timeout)

    def _run(self) -> None:
        stand_back()
        faiss.omp_set_num_threads(self._threads)  # of this thread's calls
        while not self._stopping.is_set():
            self._set_busy(bool(self._resting))
            self._wake.wait(self._until_next_try())
            self._set_busy(True)
            self._stopping.wait(_PAUSE_S)
            self._wake.clear()
            while not self._stopping.is_set() and self._step():
                pass

    def _step(self) -> bool:
        """Do one piece of work; tells whether there was any."""
        self._quiet_at = math.inf
        now = time.monotonic()  # throughout: what is due while others are looked at must not be forgotten
        if not self._rests(_RETIRED, now):
            self._attempt(_RETIRED, self._remove_retired)
        for collection, index in self._indexes.segmented().items():
            if self._rests(collection, now):
                continue
            if (job := self._plan(index)) is not None:
                self._attempt(collection, functools.partial(self._do, collection, index, job))
                give_back()  # what was built from, and what is replaced
                return True
            self._resting.pop(collection, None)
        self._resting = {key: at for key, at in self._resting.items() if at > now}
        return False

    def _plan(self, index: SegmentedIndex) -> Job | None:
        most = max(self._seal_at, _MAX_SEGMENT_BYTES // (4 * index.spec.dimension))
        with self._indexes.lock.shared():
            state, quiet_at = index.state(), index.changed_at
        if (job := plan(*state, seal_at=self._seal_at, most=most)) is not None:
            return job
        job = plan(*state, seal_at=self._seal_at, most=most, quiet=True)
        if job is None:
            return None
        # Who waits as long as the work takes never spends more than half of the time on it.
        size = job.delta_count + sum(part.live_count for part in state[1] if part.token in job.tokens)
        quiet_at += max(self._quiet_s, size * self._built_s / self._built)
        if quiet_at <= time.monotonic():
            return job
        self._quiet_at = min(self._quiet_at, quiet_at)
        return None

    def _rests(self, key: int, now: float) -> bool:
        return self._resting.get(key, 0.0) > now

    def _attempt(self, key: int, work: Callable[[], None]) -> None:
        """Do work, or put it off: searches go on without, and others' work must not wait for it."""
        try:
            work()
            self._resting.pop(key, None)
        except Exception:  # a full disk, say
            if not self._stopping.is_set():
                log.exception("segment_build_failed", collection=key)
                self._metrics.failed_builds.inc()
            self._resting[key] = time.monotonic() + _RETRY_S

    def _until_next_try(self) -> float | None:
        due = min([self._quiet_at, *self._resting.values()])
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def _remove_retired(self) -> None:
        tokens = self._indexes.take_retired()
        if not tokens:
            return
        self._files.remove(tokens)  # first: a full disk may need it
        try:
            self._swap_manifest(None, tokens, lambda: True)
        except BaseException:
            self._indexes.retire(tokens)
            raise

    def _do(self, collection: int, index: SegmentedIndex, job: Job) -> None:
        started = time.perf_counter()

        def wanted() -> bool:
            return self._indexes.has(collection, index)

        segment = None
        try:
            segment = self._build(collection, index, job)
            swapped = self._swap_manifest(segment.record if segment else None, job.tokens, wanted)
            failpoints.hit("segment.after_manifest")
        except BaseException:
            self._give_up(index, segment)
            if wanted():
                raise
            return  # the collection was deleted or replaced beneath it
        if not swapped:
            self._give_up(index, segment)
            return
        with self._indexes.swapping:
            with self._indexes.lock.exclusive():
                out = index.swap(segment, job.tokens)
                if segment and not wanted():  # its collection went after its row was written
                    out.append(segment)
            self._files.remove([old.record.token for old in out])
        seconds = time.perf_counter() - started
        self._metrics.segment_build_seconds.observe(seconds)
        if segment:
            self._built += len(segment.ids)
            self._built_s += seconds

    def _read(self, collection: int, index: SegmentedIndex, job: Job) -> tuple[Ids, Vector]:
        """Return the job's vectors from the source of truth."""
        with contextlib.ExitStack() as view:
            with self._indexes.lock.shared():  # index and view agree
                reader = view.enter_context(self._store.reading())
                if not self._indexes.has(collection, index):
                    raise Unavailable("the index was replaced")
                ids = index.begin(job)
            vectors = np.empty((len(ids), index.spec.dimension), dtype=np.float32)
            count = 0
            for held, rows in stored_vectors(reader, collection, ids):
                self._check_wanted(collection, index)
                vectors[count : count + len(held)] = rows
                count += len(held)
        if count != len(ids):
            raise DataLoss(
                "a vector index holds chunks that the database does not: AdminService.Repair mends it"
            )
        return ids, vectors

    def _build(self, collection: int, index: SegmentedIndex, job: Job) -> Segment | None:
        """Build and write the job's segment, None of nothing. Its vectors are let go of before it is published."""
        ids, vectors = self._read(collection, index, job)
        if not len(ids):
            return None
        sealed = index.kind.build(vectors, functools.partial(self._check_wanted, collection, index))
        record = self._files.write(collection, index.spec, ids, sealed)
        return Segment(record, ids, sealed, index.spec.metric)

    def _check_wanted(self, collection: int, index: SegmentedIndex) -> None:
        """Raise Unavailable when nobody waits any more for what is built."""
        if self._stopping.is_set():
            raise Unavailable("the store is closing")
        if not self._indexes.has(collection, index):
            raise Unavailable("the index was replaced")

    def _give_up(self, index: SegmentedIndex, segment: Segment | None) -> None:
        with self._indexes.lock.exclusive():
            index.abandon()
        if segment:  # were its row there all the same, the next start would build it again
            self._files.remove([segment.record.token])

    def _swap_manifest(
        self, added: SegmentRecord | None, removed: Sequence[str], wanted: Callable[[], bool]
    ) -> bool:
        """Swap, as soon as the store takes it: a build is too long to be lost to a full queue."""
        while True:
            try:
                return self._store.swap_segments(added, removed, wanted).result()
            except Overloaded:
                if self._stopping.wait(_BUSY_RETRY_S):
                    raise Unavailable("the store is closing") from None

    def _set_busy(self, busy: bool) -> None:
        with self._idle:
            self._busy = busy
            self._idle.notify_all()
