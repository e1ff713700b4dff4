"""From SQLite's errors to the domain's."""

import contextlib
import sqlite3
from collections.abc import Iterator

from serving.errors import DataLoss, Overloaded, QuadrilleError, Unavailable

_DISK_RETRY_S = 10.0


def translate(error: sqlite3.Error) -> QuadrilleError | None:
    """Return the domain error for trouble with the disk or the file; None for what must be a defect here."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return Overloaded("the store's disk is full", _DISK_RETRY_S)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DataLoss(
            "the store's database is damaged: AdminService.Verify tells where, Restore replaces it"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return Unavailable("the store's database cannot be accessed", _DISK_RETRY_S)
    return None


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise domain errors in place of SQLite's."""
    try:
        yield
    except sqlite3.Error as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error
