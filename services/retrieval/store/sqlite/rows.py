"""Between rows of the database and the domain."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np

from retrieval.domain import Chunk, Collection, CollectionSpec, Document, IndexKind, Metric, Passage, Vector
from retrieval.index_options import options_from_json

COLLECTION_COLUMNS = (
    "c.id, c.tenant, c.name, c.dimension, c.metric, c.index_kind, c.index_options, c.embedding_model,"
    " c.document_count, c.chunk_count, c.last_lsn, c.created_at,"
    " (SELECT json_group_array(a.name) FROM aliases a WHERE a.collection = c.id)"
)
DOCUMENT_COLUMNS = (
    "d.id, d.name, d.title, d.source_uri, d.metadata, d.version, d.lsn, d.content_sha256, d.updated_at,"
    " (SELECT json_group_array(r.reader) FROM readers r WHERE r.document = d.id), d.source_lsn"
)
PASSAGE_COLUMNS = (
    "k.id, d.name, k.ordinal, k.text, d.title, d.source_uri, k.start_byte, k.end_byte, d.metadata,"
    " d.content_sha256"
)

Row = tuple[Any, ...]


def collection(row: Row) -> Collection:
    """Read COLLECTION_COLUMNS."""
    number, tenant, name, dimension, metric, index, encoded, stamp, *counts, lsn, created, aliases = row
    kind = IndexKind(index)
    options = options_from_json(kind, json.loads(encoded))
    spec = CollectionSpec(name, dimension, Metric(metric), kind, stamp, options)
    documents, chunks = counts
    names = tuple(sorted(json.loads(aliases)))
    return Collection(number, tenant, spec, documents, chunks, lsn, from_micros(created), names)


def document(row: Row, text: str = "", chunks: tuple[Chunk, ...] = ()) -> Document:
    """Read DOCUMENT_COLUMNS; text and chunks come from queries of their own."""
    _, name, title, source_uri, metadata, version, lsn, sha256, updated, readers, source_lsn = row
    return Document(
        name,
        title,
        source_uri,
        text,
        json.loads(metadata),
        chunks,
        version,
        lsn,
        sha256,
        from_micros(updated),
        tuple(sorted(json.loads(readers))),
        source_lsn,
    )


def passage(row: Row) -> Passage:
    """Read PASSAGE_COLUMNS."""
    _, name, ordinal, text, title, source_uri, start, end, metadata, sha256 = row
    return Passage(
        chunk_name(name, ordinal),
        name,
        ordinal,
        text,
        title,
        source_uri,
        start,
        end,
        json.loads(metadata),
        sha256,
    )


def chunk_name(document_name: str, ordinal: int) -> str:
    """Return a chunk's public id."""
    return f"{document_name}#{ordinal}"


def vector_to_blob(vector: Vector) -> bytes:
    """Return a vector as little-endian float32."""
    return vector.astype("<f4").tobytes()


def blob_to_vector(blob: bytes) -> Vector:
    """Read `vector_to_blob`."""
    return np.frombuffer(blob, dtype="<f4").astype(np.float32)


def content_sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def now_micros() -> int:
    """Return the time in microseconds since 1970, UTC."""
    return round(datetime.now(UTC).timestamp() * 1_000_000)


def from_micros(micros: int) -> datetime:
    """Read `now_micros`."""
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
