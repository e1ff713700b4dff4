"""The store: connections, the writer and the copies, put together behind the port."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from retrieval import failpoints
from retrieval.domain import (
    EVERYTHING,
    Access,
    Collection,
    CollectionSpec,
    Deleted,
    Document,
    SegmentRecord,
    Written,
)
from retrieval.durable import make_private_directory, make_private_file
from retrieval.filters import Filter
from retrieval.locks import SharedLock
from retrieval.metrics import StoreMetrics
from retrieval.reports import Compaction, Finding, SnapshotInfo, Totals
from retrieval.store.base import CommitListener
from retrieval.store.reader import Reader
from retrieval.store.sqlite import collections, derived, documents, schema, segments, words
from retrieval.store.sqlite.connection import open_database
from retrieval.store.sqlite.errors import let_go, translated
from retrieval.store.sqlite.lock import ProcessLock
from retrieval.store.sqlite.reader import SqliteReader, disk_bytes
from retrieval.store.sqlite.remembered import POSTINGS_BYTES, KeptPostings, Remembered
from retrieval.store.sqlite.snapshots import Snapshots
from retrieval.store.sqlite.writer import GroupCommitWriter

T = TypeVar("T")


class SqliteStore:
    """A directory with a database, its snapshots and a lock file. Opening it tells `listener` to reload.

    Raises FailedPrecondition when another process has it open or a newer program wrote it, DataLoss when its
    file is no database of ours.
    """

    def __init__(
        self,
        directory: Path,
        listener: CommitListener,
        metrics: StoreMetrics,
        *,
        max_batch: int = 256,
        max_queued: int = 1024,
        postings_bytes: int = POSTINGS_BYTES,
    ) -> None:
        make_private_directory(directory)
        self._path = directory / "store.sqlite3"
        self._listener = listener
        self._idle: list[sqlite3.Connection] = []
        self._gate = SharedLock()  # shared by reads; a restore or a compaction has the store to itself
        self._copying = threading.Lock()
        self._version = 0
        self._remembered = Remembered(postings=KeptPostings(postings_bytes))
        self._snapshots = Snapshots(directory / "snapshots")
        with contextlib.ExitStack() as stack:
            stack.callback(ProcessLock(directory / "lock").release)
            make_private_file(self._path)
            with translated():
                self._connection = open_database(self._path)
                stack.callback(self._connection.close)
                schema.migrate(self._connection)
            stack.callback(self._close_readers)
            with self.reading() as reader:
                listener.reload(reader)
            self._writer = GroupCommitWriter(
                self._connection,
                listener,
                metrics,
                max_batch=max_batch,
                max_queued=max_queued,
                committed=self._changed,
            )
            self._closing = stack.pop_all()

    @property
    def version(self) -> int:
        """A number that grows with every commit."""
        return self._version

    @property
    def epoch(self) -> int:
        """A number that grows when the store is replaced or mended."""
        return self._remembered.chunk_sets.epoch

    @contextlib.contextmanager
    def reading(self, access: Access = EVERYTHING) -> Iterator[Reader]:
        """Hold a view, at one point in time, of what `access` may read."""
        with self._gate.shared(), self._borrowed() as connection, translated():
            version = self._version
            connection.execute("BEGIN")
            try:
                yield SqliteReader(connection, self._path, access, self._remembered, version)
            except BaseException as error:
                let_go(error)
                raise
            finally:
                connection.execute("ROLLBACK")

    def create_collection(self, tenant: str, spec: CollectionSpec) -> "Future[Collection]":
        """Make a collection, or fail with AlreadyExists."""
        return self._writer.write(lambda connection: collections.create(connection, tenant, spec))

    def delete_collection(self, tenant: str, name: str) -> "Future[int]":
        """Delete a collection with all it holds, or fail with NotFound."""
        return self._writer.write(lambda connection: collections.delete(connection, tenant, name))

    def swap_alias(
        self, tenant: str, alias: str, collection: str, expected_lsn: int | None = None
    ) -> "Future[str]":
        """Point an alias at a collection, or remove it."""
        return self._writer.write(
            lambda connection: collections.swap_alias(connection, tenant, alias, collection, expected_lsn)
        )

    def upsert(
        self,
        collection: Collection,
        items: Sequence[Document],
        expected_version: int | None,
        access: Access = EVERYTHING,
    ) -> "Future[Written]":
        """Write documents, all or none."""
        return self._writer.write(
            lambda connection: documents.upsert(connection, collection, items, expected_version, access)
        )

    def delete(
        self, collection: Collection, which: Sequence[str] | Filter, access: Access = EVERYTHING
    ) -> "Future[Deleted]":
        """Delete documents by id or by filter."""
        return self._writer.write(lambda connection: documents.delete(connection, collection, which, access))

    def swap_segments(
        self, added: SegmentRecord | None, removed: Sequence[str], wanted: Callable[[], bool]
    ) -> "Future[bool]":
        """Exchange segments in the manifest, if that is still wanted."""
        return self._writer.write(lambda connection: segments.swap(connection, added, removed, wanted))

    def between_writes(self, work: Callable[[Reader], T]) -> "Future[T]":
        """Run work while no commit happens."""

        def run(_: sqlite3.Connection) -> T:
            with self.reading() as reader:
                return work(reader)

        return self._writer.alone(run)

    def verify(self, checked: Sequence[Collection]) -> "Future[list[Finding]]":
        """Check the file, and what is derived in it for these collections."""
        return self._writer.alone(lambda connection: derived.verify(connection, checked))

    def rebuild(self, broken: Sequence[Collection]) -> "Future[None]":
        """Derive anew what the database derives for these collections."""

        def run(connection: sqlite3.Connection) -> None:
            derived.rebuild(connection, broken)
            self._replaced()

        return self._writer.alone(run)

    def snapshot(self, name: str) -> SnapshotInfo:
        """Write a copy while serving; raises AlreadyExists."""
        with self._copying, self._gate.shared(), self._borrowed() as connection, translated():
            return self._snapshots.write(connection, name)

    def restore(self, name: str) -> "Future[Totals]":
        """Replace everything by a copy, in one transaction; fails with NotFound, or DataLoss on damage."""

        def run(connection: sqlite3.Connection) -> Totals:
            with contextlib.closing(self._snapshots.open_verified(name)) as source, self._gate.exclusive():
                self._replaced()
                failpoints.hit("restore.before_copy")
                source.backup(connection)
                failpoints.hit("restore.after_copy")
                # From here on the copy is in force, and what fails must not tell otherwise.
                with contextlib.suppress(sqlite3.Error):  # what its manifest names is checked by its hash
                    segments.forget_all(connection)
                reader = SqliteReader(connection, self._path)
                self._listener.reload(reader)
                with contextlib.suppress(sqlite3.Error):  # a later checkpoint does as well
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return reader.totals()

        return self._writer.alone(run)

    def compact(self) -> "Future[Compaction]":
        """Give the space of deleted content back to the file system."""

        def run(connection: sqlite3.Connection) -> Compaction:
            with self._gate.exclusive():
                before = disk_bytes(self._path)
                for (number,) in connection.execute("SELECT id FROM collections").fetchall():
                    words.optimize(connection, number)
                failpoints.hit("compact.before_vacuum")
                connection.execute("VACUUM")
                failpoints.hit("compact.after_vacuum")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return Compaction(before, disk_bytes(self._path))

        return self._writer.alone(run)

    def close(self) -> None:
        """Write what is queued, close everything and let another process have the store."""
        self._writer.close()
        self._closing.close()

    def _changed(self) -> None:
        self._version += 1  # on the writer's thread alone

    def _replaced(self) -> None:
        self._remembered.chunk_sets.clear()
        self._changed()

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to one thread; there are as many as were ever lent at once."""
        try:
            connection = self._idle.pop()
        except IndexError:
            with translated():
                connection = open_database(self._path, read_only=True)
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def _close_readers(self) -> None:
        while self._idle:
            self._idle.pop().close()
