"""Copies of the store: a database file that stands alone, and beside it its SHA-256."""

import contextlib
import hashlib
import sqlite3
from pathlib import Path

from serving.errors import AlreadyExists, DataLoss, NotFound

from retrieval import failpoints
from retrieval.durable import make_private_directory, make_private_file, sync_directory, sync_file
from retrieval.reports import SnapshotInfo
from retrieval.store.sqlite import schema
from retrieval.store.sqlite.connection import open_copy
from retrieval.store.sqlite.documents import last_lsn
from retrieval.validation import check_name

_PARTIAL = ".partial"


class Snapshots:
    """A directory of copies, `<name>.sqlite3` with `<name>.sha256`; a copy exists once it has its name."""

    def __init__(self, directory: Path) -> None:
        make_private_directory(directory)
        self._directory = directory
        for leftover in directory.glob(f"*{_PARTIAL}"):  # of a process that was killed
            leftover.unlink()

    def write(self, source: sqlite3.Connection, name: str) -> SnapshotInfo:
        """Copy the database while it serves; raises AlreadyExists. One at a time."""
        final, digest = self._paths(name)
        if final.exists():
            raise AlreadyExists("snapshot", name)
        partial = self._directory / f"{name}{_PARTIAL}"
        try:
            lsn = _copy(source, partial)
            sha256 = _sha256(partial)
            failpoints.hit("snapshot.before_digest")
            _write_durably(digest, f"{sha256}  {final.name}\n")
            failpoints.hit("snapshot.before_rename")
            partial.rename(final)
            failpoints.hit("snapshot.after_rename")
            _sync_or_undo(final)
        finally:
            partial.unlink(missing_ok=True)
        return SnapshotInfo(name, final.stat().st_size, sha256, lsn)

    def open_verified(self, name: str) -> sqlite3.Connection:
        """Open a copy, in today's schema, after checking every byte; raises NotFound, or DataLoss on damage."""
        path, digest = self._paths(name)
        if not path.exists():
            raise NotFound("snapshot", name)
        if not digest.exists() or digest.read_bytes().split()[:1] != [_sha256(path).encode()]:
            raise DataLoss(
                f"snapshot {name!r} is damaged: its SHA-256 is not the one noted when it was written"
            )
        connection = open_copy(path)
        try:
            version = schema.version_of(connection)
            if not 1 <= version <= schema.VERSION:
                raise DataLoss(f"snapshot {name!r} has a schema that this program does not know")
            if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                raise DataLoss(f"snapshot {name!r} is damaged")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise DataLoss(f"snapshot {name!r} is damaged") from error
        except DataLoss:
            connection.close()
            raise
        return connection if version == schema.VERSION else self._migrated(connection, name)

    def _migrated(self, copy: sqlite3.Connection, name: str) -> sqlite3.Connection:
        """Close a copy and return another in today's schema: the store's own must not depend on what may fail.

        It takes space here and not among the system's temporary files, which may be in memory.
        """
        partial = self._directory / f"{name}{_PARTIAL}"
        with contextlib.closing(copy):
            make_private_file(partial)
            migrated = sqlite3.connect(partial, isolation_level=None)
            try:
                partial.unlink()  # its space is free once it is closed
                migrated.execute("PRAGMA journal_mode = MEMORY")
                copy.backup(migrated)
                schema.migrate(migrated)
            except BaseException:
                migrated.close()
                raise
        return migrated

    def _paths(self, name: str) -> tuple[Path, Path]:
        check_name(name, "name")
        return self._directory / f"{name}.sqlite3", self._directory / f"{name}.sha256"


def _copy(source: sqlite3.Connection, path: Path) -> int:
    make_private_file(path)
    copy = sqlite3.connect(path, isolation_level=None)
    try:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # no log beside it: the file is all there is
        lsn = last_lsn(copy)
    finally:
        copy.close()
    failpoints.hit("snapshot.before_fsync")
    sync_file(path)
    return lsn


def _sync_or_undo(final: Path) -> None:
    """Make a rename durable; when that fails its name is free again."""
    try:
        sync_directory(final.parent)
    except OSError:
        final.unlink()
        raise


def _write_durably(path: Path, text: str) -> None:
    make_private_file(path)
    path.write_text(text)
    sync_file(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
