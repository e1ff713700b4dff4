"""Writes of collections and aliases. Each runs inside a savepoint of the writer's transaction."""

import json
import sqlite3

from serving.errors import AlreadyExists, InvalidInput, NotFound, VersionConflict

from retrieval.domain import Collection, CollectionSpec
from retrieval.index_options import options_to_json
from retrieval.store.base import Change, CollectionChange
from retrieval.store.sqlite import rows, words


def next_lsn(connection: sqlite3.Connection, collection: int, kind: str) -> int:
    """Give out the next log sequence number and note it at the collection."""
    lsn = connection.execute(
        "INSERT INTO log (collection, kind, written_at) VALUES (?, ?, ?)",
        (collection, kind, rows.now_micros()),
    ).lastrowid
    assert lsn is not None
    connection.execute("UPDATE collections SET last_lsn = ? WHERE id = ?", (lsn, collection))
    return lsn


def is_alive(connection: sqlite3.Connection, collection: Collection) -> bool:
    """Tell whether a collection that was looked up is still there.

    Whoever looked it up then waited for the writer. Meanwhile it may have been deleted, or a restore may have turned
    the numbers back, so the number alone does not tell.
    """
    row = connection.execute(
        f"SELECT {rows.COLLECTION_COLUMNS} FROM collections c WHERE c.id = ?", (collection.id,)
    ).fetchone()
    found = rows.collection(row) if row else None
    return found is not None and (found.tenant, found.spec, found.created_at) == (
        collection.tenant,
        collection.spec,
        collection.created_at,
    )


def create(
    connection: sqlite3.Connection, tenant: str, spec: CollectionSpec
) -> tuple[Collection, list[Change]]:
    """Make a collection; raises AlreadyExists when a collection or an alias has the name."""
    if _number(connection, tenant, spec.name) or _alias(connection, tenant, spec.name):
        raise AlreadyExists("collection", spec.name)
    number = connection.execute(
        "INSERT INTO collections (tenant, name, dimension, metric, index_kind, index_options,"
        " embedding_model, last_lsn, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (
            tenant,
            spec.name,
            spec.dimension,
            spec.metric.value,
            spec.index.value,
            json.dumps(options_to_json(spec.options)),
            spec.embedding_model,
            rows.now_micros(),
        ),
    ).lastrowid
    assert number is not None
    words.create(connection, number)
    next_lsn(connection, number, "create_collection")
    row = connection.execute(
        f"SELECT {rows.COLLECTION_COLUMNS} FROM collections c WHERE c.id = ?", (number,)
    ).fetchone()
    return rows.collection(row), [CollectionChange(number, spec)]


def delete(connection: sqlite3.Connection, tenant: str, name: str) -> tuple[int, list[Change]]:
    """Delete a collection, what it holds and its aliases; returns how many documents it held."""
    number = _number(connection, tenant, name)
    if number is None:
        raise NotFound("collection", name)
    (documents,) = connection.execute(
        "SELECT document_count FROM collections WHERE id = ?", (number,)
    ).fetchone()
    words.drop(connection, number)
    next_lsn(connection, number, "delete_collection")
    connection.execute("DELETE FROM collections WHERE id = ?", (number,))
    return int(documents), [CollectionChange(number, None)]


def swap_alias(
    connection: sqlite3.Connection, tenant: str, alias: str, target: str, expected_lsn: int | None
) -> tuple[str, list[Change]]:
    """Point an alias at a collection, or remove it when `target` is ""; returns where it pointed.

    Raises VersionConflict when the last write there is not the expected one.
    """
    if _number(connection, tenant, alias):
        raise InvalidInput("alias", "is the name of a collection")
    previous = _alias(connection, tenant, alias)
    if expected_lsn is not None:
        _check_last_lsn(connection, alias, previous, expected_lsn)
    if not target:
        if previous is None:
            raise NotFound("alias", alias)
        next_lsn(connection, previous[0], "remove_alias")
        connection.execute("DELETE FROM aliases WHERE tenant = ? AND name = ?", (tenant, alias))
        return previous[1], []
    number = _number(connection, tenant, target)
    if number is None:
        raise NotFound("collection", target)
    next_lsn(connection, number, "swap_alias")
    connection.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)", (tenant, alias, number))
    return (previous[1] if previous else ""), []


def _check_last_lsn(
    connection: sqlite3.Connection, alias: str, previous: tuple[int, str] | None, expected: int
) -> None:
    if previous is None:
        raise VersionConflict(f"alias {alias!r} points to no collection yet")
    (last,) = connection.execute("SELECT last_lsn FROM collections WHERE id = ?", (previous[0],)).fetchone()
    if last != expected:
        raise VersionConflict(
            f"collection {previous[1]!r} was last written at {last} and not at the expected {expected}"
        )


def _number(connection: sqlite3.Connection, tenant: str, name: str) -> int | None:
    row = connection.execute(
        "SELECT id FROM collections WHERE tenant = ? AND name = ?", (tenant, name)
    ).fetchone()
    return int(row[0]) if row else None


def _alias(connection: sqlite3.Connection, tenant: str, name: str) -> tuple[int, str] | None:
    row: tuple[int, str] | None = connection.execute(
        "SELECT c.id, c.name FROM aliases a JOIN collections c ON c.id = a.collection"
        " WHERE a.tenant = ? AND a.name = ?",
        (tenant, name),
    ).fetchone()
    return row
