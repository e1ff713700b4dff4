"""From SQLite's and the system's errors to the domain's."""

import contextlib
import errno
import sqlite3
import traceback
from collections.abc import Iterator

import structlog
from serving.errors import DataLoss, Overloaded, QuadrilleError, Unavailable

log = structlog.get_logger(__name__)

_DISK_RETRY_S = 10.0
# No space on the disk, in the user's quota or under a limit of file sizes; SQLite knows the first by name only.
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
# Statements are ours, and so is what they keep: one that SQLite does not understand, or a constraint that does not
# hold, was made so by damage to the schema or to rows.
_DAMAGED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_ERROR,
}
_INACCESSIBLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
}


def translate(error: BaseException) -> QuadrilleError | None:
    """Return the domain error for trouble with the disk or the file; None for what must be a defect here."""
    if isinstance(error, OSError):
        return _full() if error.errno in _NO_SPACE else _inaccessible()
    if isinstance(error, UnicodeDecodeError):  # of SQLite's message, which quotes a damaged schema
        return damaged()
    if not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code in _FULL:
        return _full()
    if code & 0xFF in _DAMAGED or "Could not decode to UTF-8" in str(error):
        log.error("database_damaged", error=repr(error))
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
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        if (known := translate(error)) is None:
            raise
        raise known from error


def let_go(error: BaseException) -> None:
    """Forget what the frames of an error hold.

    A query that it left in the middle would keep its view, and with it the write-ahead log from being emptied, for as
    long as anything refers to the error.
    """
    traceback.clear_frames(error.__traceback__)


def _full() -> Overloaded:
    return Overloaded("the store's disk is full", _DISK_RETRY_S)


def _inaccessible() -> Unavailable:
    return Unavailable("the store's database cannot be accessed", _DISK_RETRY_S)
