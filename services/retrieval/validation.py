"""Checks of what callers send, before anything is written. Each raises InvalidInput naming the field."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from serving.errors import InvalidInput

from retrieval import limits
from retrieval.domain import Chunk, CollectionSpec, Document, Metric, Query, Vector
from retrieval.index_options import check_options

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def check_name(name: str, field: str) -> str:
    """Return a well-formed name of a collection, an alias or a snapshot."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            field,
            "must be 1 to 128 of a-z, A-Z, 0-9, '.', '_', '-', starting with a letter or digit",
        )
    return name


def check_bytes(value: str, low: int, high: int, field: str) -> str:
    """Return `value` when its UTF-8 is `low` to `high` bytes long."""
    # Characters first: a text of too many of them is never encoded.
    if len(value) > high or not low <= len(value.encode()) <= high:
        raise InvalidInput(field, f"must be {low} to {high} bytes")
    return value


def check_stamp(stamp: str, field: str) -> str:
    """Return the stamp of an embedding model."""
    return check_bytes(stamp, 0, limits.MAX_STAMP_BYTES, field)


def check_spec(spec: CollectionSpec) -> CollectionSpec:
    """Return the settings of a new collection, with all options of its index."""
    check_name(spec.name, "collection.name")
    if not 1 <= spec.dimension <= limits.MAX_DIMENSION:
        raise InvalidInput("collection.dimension", f"must be 1 to {limits.MAX_DIMENSION}")
    check_stamp(spec.embedding_model, "collection.embedding_model")
    return check_options(spec)


def check_vector(vector: Vector, spec: CollectionSpec, field: str) -> Vector:
    """Return a vector, (dimension,) float32, ready for the collection's metric: of length 1 under cosine."""
    if vector.shape != (spec.dimension,):
        raise InvalidInput(field, f"has {vector.size} components where the collection has {spec.dimension}")
    wide = vector.astype(np.float64)
    norm = math.sqrt(np.add.reduce(wide * wide))
    if not math.isfinite(norm):  # float32 squared cannot overflow here, so some component is not
        raise InvalidInput(field, "components must be finite")
    if spec.metric is not Metric.COSINE:
        if norm > limits.MAX_VECTOR_NORM:
            raise InvalidInput(field, f"must not be longer than {limits.MAX_VECTOR_NORM:g}")
        return vector
    if norm == 0.0:
        raise InvalidInput(field, "must not be zero under cosine")
    return np.asarray(wide / norm, dtype=np.float32)


def check_vectors(
    vectors: Sequence[Vector], spec: CollectionSpec, fields: Sequence[str]
) -> list[Vector | InvalidInput]:
    """Return for each vector what `check_vector` does, and what it raises in its place."""
    if len(vectors) > 1 and all(vector.shape == (spec.dimension,) for vector in vectors):
        stacked = np.array(vectors, dtype=np.float32)
        wide = stacked.astype(np.float64)
        norms = np.sqrt((wide * wide).sum(axis=1))
        cosine = spec.metric is Metric.COSINE
        within = (norms > 0) & np.isfinite(norms) if cosine else norms <= limits.MAX_VECTOR_NORM
        if within.all():
            return list(np.asarray(wide / norms[:, None], dtype=np.float32) if cosine else stacked)
    checked: list[Vector | InvalidInput] = []
    for vector, field in zip(vectors, fields, strict=True):
        try:
            checked.append(check_vector(vector, spec, field))
        except InvalidInput as error:
            checked.append(error)
    return checked


def check_vectors_fit(
    queries: Sequence[Query], fields: Sequence[str], dimension: int, most_bytes: int
) -> None:
    """Check that the vectors that queries of a call ask for can be sent, should all be found."""
    size = 0
    for query, field in zip(queries, fields, strict=True):
        if query.with_vectors:
            size += query.top_k * (query.group_size or 1) * dimension * 4
        if size > most_bytes:
            raise InvalidInput(
                f"{field}.parts", f"vectors would take {size} bytes of {most_bytes}: ask for fewer hits"
            )


def check_document(document: Document, spec: CollectionSpec, field: str) -> Document:
    """Return a document ready to be stored in a collection with these settings."""
    check_bytes(document.id, 1, limits.MAX_DOCUMENT_ID_BYTES, f"{field}.id")
    check_bytes(document.title, 0, limits.MAX_TITLE_BYTES, f"{field}.title")
    check_bytes(document.source_uri, 0, limits.MAX_SOURCE_URI_BYTES, f"{field}.source_uri")
    check_bytes(document.text, 0, limits.MAX_TEXT_BYTES, f"{field}.text")
    check_metadata(document.metadata, f"{field}.metadata")
    check_readers(document.readers, f"{field}.readers")
    if document.source_lsn < 0:
        raise InvalidInput(f"{field}.source_lsn", "must be 0 or more")
    if len(document.chunks) > limits.MAX_CHUNKS:
        raise InvalidInput(f"{field}.chunks", f"must be at most {limits.MAX_CHUNKS}")
    # A document may keep its text elsewhere; spans are then the caller's own affair.
    text_bytes = len(document.text.encode()) or 2**31 - 1
    chunks = tuple(
        _check_chunk(chunk, spec, text_bytes, f"{field}.chunks[{i}]")
        for i, chunk in enumerate(document.chunks)
    )
    return replace(document, chunks=chunks)


def check_readers(readers: Sequence[str], field: str) -> None:
    """Check who may read a document."""
    if len(readers) > limits.MAX_READERS:
        raise InvalidInput(field, f"must be at most {limits.MAX_READERS}")
    for i, reader in enumerate(readers):
        kind, _, name = reader.partition(":")
        if kind not in ("principal", "group") or not 1 <= len(name) <= limits.MAX_READER_NAME:
            raise InvalidInput(
                f"{field}[{i}]",
                f"must be 'principal:' or 'group:' and a name of 1 to {limits.MAX_READER_NAME} characters",
            )


def check_metadata(metadata: dict[str, Any], field: str) -> None:
    """Check depth, numbers and size of metadata."""
    stack: list[tuple[Any, int]] = [(metadata, 1)]
    while stack:
        value, depth = stack.pop()
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidInput(field, "numbers must be finite")
        if isinstance(value, dict | list):
            if depth > limits.MAX_METADATA_DEPTH:
                raise InvalidInput(field, f"must be nested at most {limits.MAX_METADATA_DEPTH} deep")
            inner = value.values() if isinstance(value, dict) else value
            stack += [(item, depth + 1) for item in inner]
    if len(encode_metadata(metadata).encode()) > limits.MAX_METADATA_BYTES:
        raise InvalidInput(field, f"must be at most {limits.MAX_METADATA_BYTES} bytes as JSON")


def encode_metadata(metadata: dict[str, Any]) -> str:
    """Return metadata as compact JSON, the form in which its size counts and it is stored."""
    return json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def check_distinct(documents: Sequence[Document], field: str) -> None:
    """Check that no document id occurs twice."""
    seen: set[str] = set()
    for i, document in enumerate(documents):
        if document.id in seen:
            raise InvalidInput(f"{field}[{i}].id", "occurs twice in the request")
        seen.add(document.id)


def _check_chunk(chunk: Chunk, spec: CollectionSpec, text_bytes: int, field: str) -> Chunk:
    check_bytes(chunk.text, 1, limits.MAX_CHUNK_BYTES, f"{field}.text")
    if not 0 <= chunk.start_byte <= chunk.end_byte:
        raise InvalidInput(f"{field}.start_byte", "must be 0 to end_byte")
    if chunk.end_byte > text_bytes:
        raise InvalidInput(f"{field}.end_byte", "lies beyond the document's text")
    if chunk.vector is None:
        return chunk
    return replace(chunk, vector=check_vector(chunk.vector, spec, f"{field}.vector"))
