"""Opening the database, with the pragmas that make a commit durable."""

import sqlite3
from pathlib import Path

_BUSY_TIMEOUT_S = 30.0
# Of pages, by connection: there is one that writes, and one that reads for each thread that does.
_WRITER_CACHE_KIB, _READER_CACHE_KIB = 8192, 4096
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "trusted_schema = OFF",
)


def open_database(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the live database. The caller sees to it that no two threads use the connection at once."""
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB if read_only else _WRITER_CACHE_KIB}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def open_copy(path: Path) -> sqlite3.Connection:
    """Open a snapshot, which nobody writes, without making any file beside it."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
