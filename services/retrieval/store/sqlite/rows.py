"""Between rows of the database and the domain. Reading raises DataLoss on what was never written."""

import functools
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np

from retrieval.domain import Chunk, Collection, CollectionSpec, Document, IndexKind, Metric, Passage, Vector
from retrieval.index_options import options_from_json
from retrieval.limits import MAX_DIMENSION, MAX_TEXT_BYTES
from retrieval.store.sqlite.errors import damaged

COLLECTION_COLUMNS = (
    "c.id, c.tenant, c.name, c.dimension, c.metric, c.index_kind, c.index_options, c.embedding_model,"
    " c.document_count, c.chunk_count, c.last_lsn, c.created_at,"
    " (SELECT json_group_array(a.name) FROM aliases a WHERE a.collection = c.id)"
)
DOCUMENT_COLUMNS = (
    "d.id, d.name, d.title, d.source_uri, d.metadata, d.version, d.lsn, d.content_sha256, d.updated_at,"
    " (SELECT json_group_array(r.reader) FROM readers r WHERE r.document = d.id), d.source_lsn,"
    " (SELECT count(*) FROM chunks k WHERE k.document = d.id), length(CAST(d.text AS BLOB))"
)
PASSAGE_COLUMNS = (
    "k.id, d.name, k.ordinal, k.text, d.title, d.source_uri, k.start_byte, k.end_byte, d.metadata,"
    " d.content_sha256"
)
# One row for all of them: sqlite3 gives the interpreter's lock away at every row, and others hold it for long.
PASSAGES = f"json_group_array(json_array({PASSAGE_COLUMNS}))"
CHUNK_NAMES = "json_group_array(json_array(k.id, d.name, k.ordinal))"

# Damage makes text of numbers and bytes of text: SQLite lets any column hold any type.
_COLLECTION_TYPES = (int, str, str, int, str, str, str, str, int, int, int, int, str)
_DOCUMENT_TYPES = (int, str, str, str, str, int, int, str, int, str, int, int, int)
_PASSAGE_TYPES = (int, str, int, str, str, str, int, int, str, str)

Row = tuple[Any, ...]
T = TypeVar("T")


def decoder(read: Callable[..., T]) -> Callable[..., T]:
    """Have a function that reads rows raise DataLoss where it stumbles."""

    @functools.wraps(read)
    def decode(*row: Any, **more: Any) -> T:
        try:
            return read(*row, **more)
        except (TypeError, ValueError, KeyError, OverflowError, OSError):
            raise damaged() from None

    return decode


def typed(row: Row, types: tuple[type, ...]) -> Row:
    """Return a row whose columns have these types; raises TypeError on any other."""
    if tuple(map(type, row)) != types:
        raise TypeError
    return row


@decoder
def collection(row: Row) -> Collection:
    """Read COLLECTION_COLUMNS."""
    number, tenant, name, dimension, metric, index, encoded, stamp, *counts, lsn, created, aliases = typed(
        row, _COLLECTION_TYPES
    )
    if not 1 <= dimension <= MAX_DIMENSION:
        raise ValueError
    kind = IndexKind(index)
    options = options_from_json(kind, json.loads(encoded))
    spec = CollectionSpec(name, dimension, Metric(metric), kind, stamp, options)
    documents, chunks = counts
    names = tuple(sorted(json.loads(aliases)))
    return Collection(number, tenant, spec, documents, chunks, lsn, from_micros(created), names)


@decoder
def document(row: Row, text: str = "", chunks: tuple[Chunk, ...] = ()) -> Document:
    """Read DOCUMENT_COLUMNS; text and chunks come from queries of their own."""
    _, name, title, source_uri, metadata, version, lsn, sha256, updated, readers, *rest = typed(
        row, _DOCUMENT_TYPES
    )
    return Document(
        name,
        title,
        source_uri,
        text,
        decode_metadata(metadata),
        chunks,
        version,
        lsn,
        sha256,
        from_micros(updated),
        tuple(sorted(json.loads(readers))),
        *rest,
    )


@decoder
def passage(row: Row) -> Passage:
    """Read PASSAGE_COLUMNS."""
    _, name, ordinal, text, title, source_uri, start, end, metadata, sha256 = typed(row, _PASSAGE_TYPES)
    return Passage(
        chunk_name(name, ordinal),
        name,
        ordinal,
        text,
        title,
        source_uri,
        *span(start, end),
        decode_metadata(metadata),
        sha256,
    )


@decoder
def passages(row: Row) -> dict[int, Passage]:
    """Read PASSAGES, by number."""
    return {found[0]: passage(tuple(found)) for found in json.loads(row[0])}


@decoder
def chunk_names(row: Row) -> dict[int, str]:
    """Read CHUNK_NAMES, by number."""
    return {number: chunk_name(name, ordinal) for number, name, ordinal in json.loads(row[0])}


@decoder
def chunk(row: Row) -> Chunk:
    """Read text, start, end and vector, None when it was not asked for or there is none."""
    text, start, end, blob = typed(row, (str, int, int, type(None) if row[3] is None else bytes))
    start_byte, end_byte = span(start, end)
    return Chunk(text, start_byte, end_byte, None if blob is None else blob_to_vector(blob))


@decoder
def text(row: Row | None) -> str:
    """Read a document's text."""
    (found,) = typed(row or (), (str,))
    return str(found)


def span(start: int, end: int) -> tuple[int, int]:
    """Return a chunk's place in its document's text."""
    if not 0 <= start <= end <= MAX_TEXT_BYTES:
        raise ValueError
    return start, end


@decoder
def decode_metadata(encoded: str) -> dict[str, Any]:
    """Return a document's metadata."""
    decoded = json.loads(encoded)
    if not isinstance(decoded, dict):
        raise TypeError
    return decoded


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
