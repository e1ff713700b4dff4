"""From SQLite's and the system's errors to the domain's."""

import contextlib
import errno
import sqlite3
from collections.abc import Iterator

from serving.errors import DataLoss, Overloaded, QuadrilleError, Unavailable

_DISK_RETRY_S = 10.0
# No space on the disk, in the user's quota or under a limit of file sizes; SQLite knows the first by name only.
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_INACCESSIBLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
}


def translate(error: sqlite3.Error | OSError) -> QuadrilleError | None:
    """Return the domain error for trouble with the disk or the file; None for what must be a defect here."""
    if isinstance(error, OSError):
        return _full() if error.errno in _NO_SPACE else _inaccessible()
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code in _FULL:
        return _full()
    if code & 0xFF in _DAMAGED or "Could not decode to UTF-8" in str(
        error
    ):  # what was written can be decoded
        return damaged()
    return _inaccessible() if code & 0xFF in _INACCESSIBLE else None


def damaged() -> DataLoss:
    """Return what to raise when the database holds what was never written to it."""
    return DataLoss("the store's database is damaged: AdminService.Verify tells where, Restore replaces it")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise domain errors in place of SQLite's and the system's."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error


def _full() -> Overloaded:
    return Overloaded("the store's disk is full", _DISK_RETRY_S)


def _inaccessible() -> Unavailable:
    return Unavailable("the store's database cannot be accessed", _DISK_RETRY_S)
