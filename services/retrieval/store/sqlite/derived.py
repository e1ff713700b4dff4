"""What the database derives from its own documents: words, looked-up metadata, counters."""

import itertools
import sqlite3
from collections.abc import Iterator, Sequence

from serving.errors import DataLoss

from retrieval import failpoints
from retrieval.domain import Collection
from retrieval.limits import MAX_FINDINGS
from retrieval.reports import Finding
from retrieval.store.sqlite import metadata, rows, words
from retrieval.store.sqlite.collections import is_alive
from retrieval.store.sqlite.errors import translated

_COUNTS = (
    "SELECT (SELECT count(*) FROM documents WHERE collection = ?1),"
    " (SELECT count(*) FROM chunks WHERE collection = ?1)"
)


def rebuild(connection: sqlite3.Connection, collections: Sequence[Collection]) -> None:
    """Derive everything anew, in one transaction, for those that are still there."""
    connection.execute("BEGIN IMMEDIATE")
    for collection in [known.id for known in collections if is_alive(connection, known)]:
        words.rebuild(connection, collection)
        connection.execute("DELETE FROM metadata_values WHERE collection = ?", (collection,))
        for number, encoded in connection.execute(
            "SELECT id, metadata FROM documents WHERE collection = ?", (collection,)
        ).fetchall():
            connection.executemany(
                "INSERT INTO metadata_values VALUES (?, ?, ?, ?, ?)",
                [(collection, *row, number) for row in metadata.rows(rows.decode_metadata(encoded))],
            )
        connection.execute(
            f"UPDATE collections SET (document_count, chunk_count) = ({_COUNTS}) WHERE id = ?1", (collection,)
        )
    failpoints.hit("rebuild.before_commit")
    connection.execute("COMMIT")
    failpoints.hit("rebuild.after_commit")


def verify(connection: sqlite3.Connection, collections: Sequence[Collection]) -> list[Finding]:
    """Return what is wrong with the file and with what is derived in it, at most MAX_FINDINGS.

    Nothing is wrong with collections that are no longer there.
    """
    findings: list[Finding] = []
    try:
        with translated():
            for finding in itertools.islice(_findings(connection, collections), MAX_FINDINGS):
                findings.append(finding)  # noqa: PERF402 - keeps what was found before the damage
    except DataLoss as error:  # the check itself ran into the damage
        findings.append(Finding("", "DATABASE_CORRUPT", error.message))
    return findings


def _findings(connection: sqlite3.Connection, collections: Sequence[Collection]) -> Iterator[Finding]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({MAX_FINDINGS})"):
        if line != "ok" and "FTS5" not in line:  # newer SQLite checks words here too; they are told of below
            yield Finding("", "DATABASE_CORRUPT", line)
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Finding("", "DATABASE_CORRUPT", f"row {row} of {table} refers to a missing row of {parent}")
    for collection in collections:
        if is_alive(connection, collection):
            yield from _collection_findings(connection, collection)


def _collection_findings(connection: sqlite3.Connection, collection: Collection) -> Iterator[Finding]:
    name, number = collection.spec.name, collection.id
    connection.execute("BEGIN IMMEDIATE")
    consistent = words.is_consistent(connection, number)
    connection.execute("ROLLBACK")
    if not consistent:
        yield Finding(name, "LEXICAL_INDEX_MISMATCH", "the lexical index does not match the chunks")
    counted = connection.execute(_COUNTS, (number,)).fetchone()
    noted = connection.execute(
        "SELECT document_count, chunk_count FROM collections WHERE id = ?", (number,)
    ).fetchone()
    if counted != noted:
        yield Finding(name, "COUNT_MISMATCH", f"noted {noted} documents and chunks, found {counted}")
    wrong = connection.execute(
        "SELECT count(*) FROM vectors WHERE collection = ? AND length(vector) <> ?",
        (number, 4 * collection.spec.dimension),
    ).fetchone()[0]
    if wrong:
        yield Finding(name, "VECTOR_CORRUPT", f"{wrong} stored vectors have a wrong size")
    for document, title, text, encoded, sha256 in connection.execute(
        "SELECT id, name, text, metadata, content_sha256 FROM documents WHERE collection = ?", (number,)
    ):
        if rows.content_sha256(text) != sha256:
            yield Finding(name, "CONTENT_MISMATCH", f"the text of document {title!r} is not the one written")
        stored = set(
            connection.execute(
                "SELECT field, kind, value FROM metadata_values WHERE document = ?", (document,)
            )
        )
        if stored != metadata.rows(rows.decode_metadata(encoded)):
            yield Finding(name, "METADATA_INDEX_MISMATCH", f"looked-up metadata of document {title!r} differ")
