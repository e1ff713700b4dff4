"""Ingests of files."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class IngestStart:
    """Opens an ingest; sizes are in characters, or in tokens of the embedding model."""

    collection: str
    embedding_model: str = ""
    chunk_size: int = 800
    chunk_overlap: int = 100
    in_tokens: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A document as a file; it must have `expected_version` in the store, where one is set."""

    id: str
    data: bytes
    media_type: str = ""
    title: str = ""
    source_uri: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    readers: tuple[str, ...] = ()
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FileStored:
    """A file is durable and visible."""

    id: str
    chunk_count: int
    lsn: int
    unchanged: bool


@dataclass(frozen=True, slots=True)
class FileRefused:
    """A file was refused; the ingest goes on."""

    id: str
    reason: str
    field: str
    description: str


@dataclass(frozen=True, slots=True)
class IngestFinished:
    """Last event of an ingest."""

    stored_count: int
    refused_count: int
    chunk_count: int
    last_lsn: int
    collection: str


IngestEvent = FileStored | FileRefused | IngestFinished
