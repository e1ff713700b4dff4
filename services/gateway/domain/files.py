"""Files, vector stores and the files attached to these. Times are in seconds of the Unix epoch."""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.filters import Scalar


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was uploaded, without its bytes; `media_type` is what the uploader said."""

    id: str
    filename: str
    purpose: str
    media_type: str
    size_bytes: int
    created_at: int


@dataclass(frozen=True, slots=True)
class VectorStore:
    """A collection whose documents are files."""

    id: str
    name: str
    description: str
    metadata: dict[str, str]
    created_at: int
    version: int = 0


class AttachmentStatus(StrEnum):
    """How far a file of a vector store is."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Chunking:
    """How long chunks are at most, and how much neighbours share at most, in tokens of the embedding model."""

    size_tokens: int = 200
    overlap_tokens: int = 25


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be searched for: "server_error", "unsupported_file" or "invalid_file", and in words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a vector store. While it is in progress, nobody else works on it until `leased_until`."""

    file_id: str
    filename: str
    size_bytes: int
    attached_at: int
    chunking: Chunking = Chunking()
    attributes: dict[str, Scalar] = field(default_factory=dict)
    batch_id: str = ""
    status: AttachmentStatus = AttachmentStatus.IN_PROGRESS
    failure: Failure | None = None
    leased_until: float = 0.0
    version: int = 0


@dataclass(frozen=True, slots=True)
class ToAttach:
    """A file that is to be attached."""

    file_id: str
    chunking: Chunking = Chunking()
    attributes: dict[str, Scalar] = field(default_factory=dict)
