"""Who may read a document: conditions that every read of documents and chunks carries."""

import sqlite3
from collections.abc import Iterable

from retrieval.domain import Access
from retrieval.store.sqlite.filters import Sql


def put(connection: sqlite3.Connection, collection: int, document: int, readers: Iterable[str]) -> None:
    """Replace a document's readers."""
    connection.execute("DELETE FROM readers WHERE document = ?", (document,))
    connection.executemany(
        "INSERT INTO readers VALUES (?, ?, ?)", [(document, reader, collection) for reader in readers]
    )


def visible(connection: sqlite3.Connection, collection: int, access: Access) -> Sql | None:
    """Return a condition over `d.id`, where d is documents, that holds for what `access` may read.

    None when it would hold for all of the collection's documents.
    """
    return None if access is None or not _restricts(connection, collection) else condition(access)


def condition(access: frozenset[str]) -> Sql:
    """Return `visible` of a collection that has documents with readers."""
    marks = ", ".join("?" * len(access))
    return (
        "(NOT EXISTS (SELECT 1 FROM readers r WHERE r.document = d.id) OR EXISTS"
        f" (SELECT 1 FROM readers r WHERE r.document = d.id AND r.reader IN ({marks})))",
        sorted(access),
    )


def _restricts(connection: sqlite3.Connection, collection: int) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM readers WHERE collection = ?)"
    return bool(connection.execute(query, (collection,)).fetchone()[0])
