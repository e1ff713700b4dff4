"""Writes of documents. Each runs inside a savepoint of the writer's transaction."""

import sqlite3
from collections.abc import Sequence

import numpy as np
from serving.errors import NotFound, PermissionDenied, VersionConflict

from retrieval.domain import Access, Collection, Deleted, Document, Ids, Vector, Written
from retrieval.filters import Filter
from retrieval.store.base import Change, VectorChange
from retrieval.store.sqlite import metadata, readers, rows, words
from retrieval.store.sqlite.collections import is_alive, next_lsn
from retrieval.store.sqlite.filters import Sql, compile_filter
from retrieval.validation import encode_metadata


def upsert(
    connection: sqlite3.Connection,
    collection: Collection,
    documents: Sequence[Document],
    expected_version: int | None,
    access: Access,
) -> tuple[Written, list[Change]]:
    """Write documents; raises VersionConflict when one has not the expected version (0: does not exist).

    Raises PermissionDenied when one is there that `access` may not read.
    """
    _check_alive(connection, collection)
    visible = readers.visible(connection, collection.id, access)
    lsn = next_lsn(connection, collection.id, "upsert")
    removed: list[int] = []
    added: list[tuple[int, Vector]] = []
    versions = []
    for document in documents:
        row = connection.execute(
            "SELECT id, version FROM documents WHERE collection = ? AND name = ?",
            (collection.id, document.id),
        ).fetchone()
        number, version = row or (None, 0)
        if number is not None and visible is not None and not _holds(connection, number, visible):
            raise PermissionDenied(f"document {document.id!r} is not the caller's to write")
        if expected_version is not None and version != expected_version:
            raise VersionConflict(
                f"document {document.id!r} has version {version} and not the expected {expected_version}"
            )
        if number is not None:
            removed += _remove_content(connection, collection.id, number)
        number = _put_document(connection, collection.id, number, document, version + 1, lsn)
        added += _put_chunks(connection, collection.id, number, document)
        versions.append(version + 1)
    chunks = sum(len(document.chunks) for document in documents) - len(removed)
    _count(connection, collection.id, versions.count(1), chunks)
    change = VectorChange(collection.id, *_arrays(removed, added, collection.spec.dimension))
    return Written(lsn, tuple(versions)), [change]


def delete(
    connection: sqlite3.Connection, collection: Collection, which: Sequence[str] | Filter, access: Access
) -> tuple[Deleted, list[Change]]:
    """Delete documents by id or by filter; those that do not exist for `access` are passed over."""
    _check_alive(connection, collection)
    numbers = _find(connection, collection.id, which, readers.visible(connection, collection.id, access))
    if not numbers:
        return Deleted(0, last_lsn(connection)), []
    lsn = next_lsn(connection, collection.id, "delete")
    removed: list[int] = []
    for number in numbers:
        removed += _remove_content(connection, collection.id, number)
        connection.execute("DELETE FROM documents WHERE id = ?", (number,))
    _count(connection, collection.id, -len(numbers), -len(removed))
    change = VectorChange(collection.id, *_arrays(removed, [], collection.spec.dimension))
    return Deleted(len(numbers), lsn), [change]


def last_lsn(connection: sqlite3.Connection) -> int:
    """Return the last log sequence number given out, 0 before the first."""
    return int(connection.execute("SELECT coalesce(max(lsn), 0) FROM log").fetchone()[0])


def _check_alive(connection: sqlite3.Connection, collection: Collection) -> None:
    if not is_alive(connection, collection):
        raise NotFound("collection", collection.spec.name)


def _find(
    connection: sqlite3.Connection, collection: int, which: Sequence[str] | Filter, visible: Sql | None
) -> list[int]:
    seen, values = visible or ("1", [])
    if isinstance(which, Sequence):
        query = f"SELECT d.id FROM documents d WHERE d.collection = ? AND d.name = ? AND {seen}"
        found = {
            number for name in which for number in connection.execute(query, (collection, name, *values))
        }
        return sorted(number for (number,) in found)
    condition, parameters = compile_filter(which, collection)
    query = f"SELECT d.id FROM documents d WHERE d.collection = ? AND {condition} AND {seen} ORDER BY d.id"
    return [number for (number,) in connection.execute(query, (collection, *parameters, *values))]


def _holds(connection: sqlite3.Connection, number: int, condition: Sql) -> bool:
    sql, parameters = condition
    query = f"SELECT 1 FROM documents d WHERE d.id = ? AND {sql}"
    return connection.execute(query, (number, *parameters)).fetchone() is not None


def _remove_content(connection: sqlite3.Connection, collection: int, number: int) -> list[int]:
    chunks = connection.execute("SELECT id, text FROM chunks WHERE document = ?", (number,)).fetchall()
    words.remove(connection, collection, chunks)
    connection.execute("DELETE FROM chunks WHERE document = ?", (number,))
    connection.execute("DELETE FROM metadata_values WHERE document = ?", (number,))
    return [chunk for chunk, _ in chunks]


def _put_document(
    connection: sqlite3.Connection,
    collection: int,
    number: int | None,
    document: Document,
    version: int,
    lsn: int,
) -> int:
    values = (
        document.title,
        document.source_uri,
        document.text,
        encode_metadata(document.metadata),
        version,
        lsn,
        rows.content_sha256(document.text),
        rows.now_micros(),
        document.source_lsn,
    )
    if number is None:
        number = connection.execute(
            "INSERT INTO documents (title, source_uri, text, metadata, version, lsn, content_sha256,"
            " updated_at, source_lsn, collection, name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, collection, document.id),
        ).lastrowid
        assert number is not None
    else:
        connection.execute(
            "UPDATE documents SET title = ?, source_uri = ?, text = ?, metadata = ?, version = ?, lsn = ?,"
            " content_sha256 = ?, updated_at = ?, source_lsn = ? WHERE id = ?",
            (*values, number),
        )
    connection.executemany(
        "INSERT INTO metadata_values VALUES (?, ?, ?, ?, ?)",
        [(collection, field, kind, value, number) for field, kind, value in metadata.rows(document.metadata)],
    )
    readers.put(connection, collection, number, document.readers)
    return number


def _put_chunks(
    connection: sqlite3.Connection, collection: int, number: int, document: Document
) -> list[tuple[int, Vector]]:
    indexed: list[tuple[int, str]] = []
    vectors: list[tuple[int, Vector]] = []
    for ordinal, chunk in enumerate(document.chunks):
        identity = connection.execute(
            "INSERT INTO chunks (collection, document, ordinal, text, start_byte, end_byte)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (collection, number, ordinal, chunk.text, chunk.start_byte, chunk.end_byte),
        ).lastrowid
        assert identity is not None
        indexed.append((identity, chunk.text))
        if chunk.vector is not None:
            vectors.append((identity, chunk.vector))
    words.add(connection, collection, indexed)
    connection.executemany(
        "INSERT INTO vectors VALUES (?, ?, ?)",
        [(identity, collection, rows.vector_to_blob(vector)) for identity, vector in vectors],
    )
    return vectors


def _count(connection: sqlite3.Connection, collection: int, documents: int, chunks: int) -> None:
    connection.execute(
        "UPDATE collections SET document_count = document_count + ?, chunk_count = chunk_count + ?"
        " WHERE id = ?",
        (documents, chunks, collection),
    )


def _arrays(removed: list[int], added: list[tuple[int, Vector]], dimension: int) -> tuple[Ids, Ids, Vector]:
    vectors = np.empty((len(added), dimension), dtype=np.float32)
    for i, (_, vector) in enumerate(added):
        vectors[i] = vector
    return (
        np.array(sorted(removed), dtype=np.int64),
        np.array([identity for identity, _ in added], dtype=np.int64),
        vectors,
    )
