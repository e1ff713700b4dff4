"""Opening the database: files private to the user, and pragmas that make a commit durable."""

import os
import sqlite3
from pathlib import Path

from retrieval import failpoints

_BUSY_TIMEOUT_S = 30.0


def make_private_directory(path: Path) -> None:
    """Make a directory that only this user may enter, or make an existing one so."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)


def make_private_file(path: Path) -> None:
    """Make an empty file that only this user may read; SQLite gives its log the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable."""
    failpoints.hit("directory.before_fsync")
    _sync(path, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    failpoints.hit("file.before_fsync")
    _sync(path)


def _sync(path: Path, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_database(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the live database. The caller sees to it that no two threads use the connection at once."""
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cache_size = -16384")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def open_copy(path: Path) -> sqlite3.Connection:
    """Open a snapshot, which nobody writes, without making any file beside it."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
