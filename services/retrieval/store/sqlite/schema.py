"""The database's schema, as numbered migrations. Once released, one is never edited; a new one follows."""

import sqlite3

from serving.errors import DataLoss, FailedPrecondition

from retrieval import failpoints

# Chunks carry their collection so that the words' views and the vectors' scans need no join.
_FIRST = """
CREATE TABLE log (
    lsn INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL,
    kind TEXT NOT NULL,
    written_at INTEGER NOT NULL
);
CREATE TABLE collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    metric TEXT NOT NULL,
    index_kind TEXT NOT NULL,
    embedding_model TEXT NOT NULL,
    document_count INTEGER NOT NULL DEFAULT 0,
    chunk_count INTEGER NOT NULL DEFAULT 0,
    last_lsn INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (tenant, name)
);
CREATE TABLE aliases (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, name)
) WITHOUT ROWID;
CREATE INDEX aliases_by_collection ON aliases (collection);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    source_uri TEXT NOT NULL,
    text TEXT NOT NULL,
    metadata TEXT NOT NULL,
    version INTEGER NOT NULL,
    lsn INTEGER NOT NULL,
    content_sha256 TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (collection, name)
);
CREATE TABLE metadata_values (
    collection INTEGER NOT NULL,
    field TEXT NOT NULL,
    kind INTEGER NOT NULL,
    value BLOB NOT NULL,
    document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    PRIMARY KEY (collection, field, kind, value, document)
) WITHOUT ROWID;
CREATE INDEX metadata_values_by_document ON metadata_values (document);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL,
    document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    text TEXT NOT NULL,
    start_byte INTEGER NOT NULL,
    end_byte INTEGER NOT NULL,
    UNIQUE (document, ordinal)
);
CREATE INDEX chunks_by_collection ON chunks (collection);
CREATE TABLE vectors (
    chunk INTEGER PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE,
    collection INTEGER NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX vectors_by_collection ON vectors (collection, chunk);
"""

# A document without readers is everyone's in its tenant.
_READERS = """
CREATE TABLE readers (
    document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    reader TEXT NOT NULL,
    collection INTEGER NOT NULL,
    PRIMARY KEY (document, reader)
) WITHOUT ROWID;
CREATE INDEX readers_by_collection ON readers (collection);
"""

_COPIES = "ALTER TABLE documents ADD COLUMN source_lsn INTEGER NOT NULL DEFAULT 0"

_SEGMENTS = """
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,
    dimension INTEGER NOT NULL,
    embedding_model TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL
);
CREATE INDEX segments_by_collection ON segments (collection);
"""

_INDEX_OPTIONS = "ALTER TABLE collections ADD COLUMN index_options TEXT NOT NULL DEFAULT '{}'"

MIGRATIONS: tuple[str, ...] = (_FIRST, _READERS, _COPIES, _SEGMENTS, _INDEX_OPTIONS)
VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to `VERSION`, each step in a transaction of its own.

    Raises FailedPrecondition when a newer program wrote the database, DataLoss when it is not one of ours.
    """
    found = version_of(connection)
    if found > VERSION:
        raise FailedPrecondition(
            "SCHEMA_TOO_NEW",
            f"the store has schema {found} and this program knows schemas up to {VERSION}: run a newer one",
        )
    if found < 0 or (found == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]):
        raise DataLoss("the store's file is a database of something else")
    for number in range(found, VERSION):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in filter(str.strip, MIGRATIONS[number].split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")
            failpoints.hit("migrate.before_commit")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def version_of(connection: sqlite3.Connection) -> int:
    """Return the schema version that a database says it has."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
