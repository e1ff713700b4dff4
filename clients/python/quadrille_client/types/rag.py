"""Events and results of the gateway's RagService."""

from dataclasses import dataclass
from typing import Literal

from quadrille_client.types.retrieval import Hit
from quadrille_client.types.text import FinishReason, Usage

ChunkUnit = Literal["characters", "tokens"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk, under the number it is cited by."""

    number: int
    hit: Hit


@dataclass(frozen=True, slots=True)
class Retrieved:
    """First event: what the answer rests on."""

    passages: tuple[Passage, ...]
    request_id: str


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Ties a statement of the answer to a span of a document; offsets count UTF-8 bytes."""

    number: int
    chunk_id: str
    document_id: str
    start_byte: int
    end_byte: int
    answer_start_byte: int
    answer_end_byte: int
    content_sha256: str


@dataclass(frozen=True, slots=True)
class Groundedness:
    """Part of the answer's sentences that a passage supports: a measure, not a proof."""

    score: float
    sentence_count: int
    supported_sentence_count: int
    invalid_citation_count: int
    method: str


@dataclass(frozen=True, slots=True)
class AskFinished:
    """Last event."""

    groundedness: Groundedness
    finish_reason: FinishReason | None
    usage: Usage
    model: str
    embed_ms: float
    search_ms: float
    first_token_ms: float
    generate_ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    text: str
    passages: tuple[Passage, ...]
    citations: tuple[Citation, ...]
    finished: AskFinished


@dataclass(frozen=True, slots=True)
class FileStored:
    """A file is durable and visible; `unchanged` when the store held it already."""

    id: str
    chunk_count: int
    lsn: int
    unchanged: bool


@dataclass(frozen=True, slots=True)
class FileRefused:
    """A file was refused."""

    id: str
    reason: str
    field: str
    description: str


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """A file was not sent, since the store holds it as it is."""

    id: str


@dataclass(frozen=True, slots=True)
class FileRemoved:
    """A document was deleted, since its file is gone."""

    id: str


@dataclass(frozen=True, slots=True)
class FilesFinished:
    """Last event of an ingest of files; files are skipped and removed by `sync` only."""

    collection: str
    stored_count: int
    refused_count: int
    chunk_count: int
    last_lsn: int
    skipped_count: int = 0
    removed_count: int = 0
