"""Words of a collection's chunks: one FTS5 table per collection, so BM25 counts over that collection alone.

The tables keep no text of their own; they read it through a view of the collection's chunks. Names are made
of the collection's internal number, never of anything a caller sent.
"""

import sqlite3
from collections.abc import Iterable


def create(connection: sqlite3.Connection, collection: int) -> None:
    """Make the table of a new collection."""
    connection.execute(
        f"CREATE VIEW words_{collection:d}_source AS"
        f" SELECT id, text FROM chunks WHERE collection = {collection:d}"
    )
    connection.execute(
        f"CREATE VIRTUAL TABLE words_{collection:d} USING fts5 (text,"
        f" content = 'words_{collection:d}_source', content_rowid = 'id',"
        " tokenize = 'porter unicode61 remove_diacritics 2')"
    )


def drop(connection: sqlite3.Connection, collection: int) -> None:
    """Remove the table of a collection that is being deleted."""
    connection.execute(f"DROP TABLE words_{collection:d}")
    connection.execute(f"DROP VIEW words_{collection:d}_source")


def add(connection: sqlite3.Connection, collection: int, rows: Iterable[tuple[int, str]]) -> None:
    """Index chunks, given as id and text."""
    connection.executemany(f"INSERT INTO words_{collection:d} (rowid, text) VALUES (?, ?)", rows)


def remove(connection: sqlite3.Connection, collection: int, rows: Iterable[tuple[int, str]]) -> None:
    """Forget chunks, given as id and the very text that was indexed."""
    name = f"words_{collection:d}"
    connection.executemany(f"INSERT INTO {name} ({name}, rowid, text) VALUES ('delete', ?, ?)", rows)


def rebuild(connection: sqlite3.Connection, collection: int) -> None:
    """Make the table anew from the chunks, even when it is gone or unreadable."""
    name = f"words_{collection:d}"
    connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(f"DROP VIEW IF EXISTS {name}_source")
    create(connection, collection)
    connection.execute(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")


def optimize(connection: sqlite3.Connection, collection: int) -> None:
    """Merge the table's segments, which drops what was deleted."""
    name = f"words_{collection:d}"
    connection.execute(f"INSERT INTO {name} ({name}) VALUES ('optimize')")


def is_consistent(connection: sqlite3.Connection, collection: int) -> bool:
    """Tell whether the table matches the chunks. It runs as a write, and changes nothing."""
    name = f"words_{collection:d}"
    try:
        connection.execute(f"INSERT INTO {name} ({name}, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError:
        return False
    return True
