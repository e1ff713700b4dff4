"""The one thread that writes. Writes that wait while a commit runs share the next commit."""

import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from serving.errors import Overloaded, Unavailable

from retrieval import failpoints
from retrieval.metrics import StoreMetrics
from retrieval.store.base import Change, CommitListener
from retrieval.store.sqlite.errors import let_go, translate

log = structlog.get_logger(__name__)

T = TypeVar("T")
# Runs inside a savepoint; returns what the caller gets and what the commit changes.
Write = Callable[[sqlite3.Connection], tuple[T, list[Change]]]
# Runs between transactions, with the writer's connection to itself.
Work = Callable[[sqlite3.Connection], T]

_RETRY_AFTER_S = 0.5


@dataclass(slots=True)
class _Job:
    future: "Future[Any]"
    write: Write[Any] | None = None
    work: Work[Any] | None = None
    result: Any = None
    refusal: BaseException | None = None
    changes: list[Change] = field(default_factory=list)


class GroupCommitWriter:
    """Takes writes from any thread; a future resolves after the commit, once the listener took it in.

    Raises Overloaded from `submit` when `max_queued` writes wait. A future that is cancelled while it waits
    is never written. `committed` is called after every commit, before the listener takes it in.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        listener: CommitListener,
        metrics: StoreMetrics,
        *,
        max_batch: int,
        max_queued: int,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._committed = committed
        self._listener = listener
        self._metrics = metrics
        self._max_batch = max_batch
        self._queue: queue.Queue[_Job | None] = queue.Queue(max_queued)
        self._held: _Job | None = None
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="retrieval-writer", daemon=True)
        self._thread.start()

    def write(self, write: Write[T]) -> "Future[T]":
        """Queue a write."""
        return self._submit(_Job(Future(), write=write))

    def alone(self, work: Work[T]) -> "Future[T]":
        """Queue work that must not share a transaction with anything."""
        return self._submit(_Job(Future(), work=work))

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _submit(self, job: _Job) -> "Future[Any]":
        with self._closing:
            if self._closed:
                raise Unavailable("the store is closed")
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                raise Overloaded("too many writes are waiting", _RETRY_AFTER_S) from None
        return job.future

    def _run(self) -> None:
        while (job := self._next(block=True)) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            if job.work is not None:
                self._run_alone(job, job.work)
            else:
                self._commit_group([job, *self._companions()])

    def _next(self, *, block: bool) -> _Job | None:
        if self._held is not None:
            job, self._held = self._held, None
            return job
        return self._queue.get(block=block)

    def _companions(self) -> list[_Job]:
        """Take the writes that wait already, up to the next piece of work that must be alone."""
        jobs: list[_Job] = []
        while len(jobs) < self._max_batch - 1:
            try:
                job = self._next(block=False)
            except queue.Empty:
                break
            if job is None:  # closing: seen again after this group
                self._queue.put(None)
                break
            if job.work is not None:
                self._held = job
                break
            if job.future.set_running_or_notify_cancel():
                jobs.append(job)
        return jobs

    def _commit_group(self, jobs: list[_Job]) -> None:
        started = time.perf_counter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            done = [job for job in jobs if self._apply(job)]
            changes = [change for job in done for change in job.changes]
            self._listener.publish(self._commit, changes)
            failpoints.hit("write.after_publish")
        except BaseException as error:
            self._abandon(jobs, error)
            return
        self._metrics.commit_batch_size.observe(len(done))
        self._metrics.write_seconds.observe(time.perf_counter() - started)
        for job in jobs:
            if job.refusal is None:
                job.future.set_result(job.result)
            else:
                self._fail(job, job.refusal)

    def _apply(self, job: _Job) -> bool:
        assert job.write is not None
        self._connection.execute("SAVEPOINT one")
        try:
            job.result, job.changes = job.write(self._connection)
        except BaseException as error:
            let_go(error)
            if not self._connection.in_transaction:
                raise  # SQLite gave the whole transaction up, e.g. on a full disk
            self._connection.execute("ROLLBACK TO one")
            self._connection.execute("RELEASE one")
            # Told after the commit, because it may rest on what the group wrote before, e.g. that a name is taken.
            job.refusal = error
            return False
        self._connection.execute("RELEASE one")
        return True

    def _commit(self) -> None:
        failpoints.hit("write.before_commit")
        try:
            self._connection.execute("COMMIT")
        finally:  # whether it took effect or not
            self._committed()
        failpoints.hit("write.after_commit")

    def _abandon(self, jobs: list[_Job], error: BaseException) -> None:
        self._roll_back()
        log.error("commit_failed", error=repr(error), writes=len(jobs))
        for job in jobs:
            self._fail(job, error)

    def _run_alone(self, job: _Job, work: Work[Any]) -> None:
        try:
            result = work(self._connection)
        except BaseException as error:
            let_go(error)
            self._roll_back()
            self._fail(job, error)
        else:
            job.future.set_result(result)

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            self._connection.execute("ROLLBACK")

    def _fail(self, job: _Job, error: BaseException) -> None:
        job.future.set_exception(translate(error) or error)
