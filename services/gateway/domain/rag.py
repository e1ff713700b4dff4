"""Questions, answers and ingests."""

from dataclasses import dataclass, field
from typing import Any

from gateway.domain.retrieval import Hit, SearchMode
from gateway.domain.text import ChatMessage, FinishReason, Sampling, Usage


@dataclass(frozen=True, slots=True)
class Reranking:
    """The best `depth` passages are ordered anew; an empty model is the default that can."""

    model: str
    depth: int


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A question; `filter` is the client's filter in its wire form."""

    collection: str
    question: str
    history: tuple[ChatMessage, ...] = ()
    model: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    top_k: int = 4
    filter: bytes | None = None
    mode: SearchMode = SearchMode.HYBRID
    min_lsn: int | None = None
    request_id: str = ""
    rerank: Reranking | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk given to the model, and the number it is cited by, from 1."""

    number: int
    hit: Hit


@dataclass(frozen=True, slots=True)
class Retrieved:
    """First event of an answer."""

    passages: tuple[Passage, ...]
    request_id: str


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Bytes answer_start_byte to answer_end_byte of the answer rest on a passage."""

    passage: Passage
    answer_start_byte: int
    answer_end_byte: int


@dataclass(frozen=True, slots=True)
class Groundedness:
    """How well the passages support an answer; a measure, not a proof."""

    score: float
    sentence_count: int
    supported_sentence_count: int
    invalid_citation_count: int
    method: str


@dataclass(frozen=True, slots=True)
class AskTimings:
    """Where the time of one answer went, ms."""

    embed_ms: float = 0.0
    search_ms: float = 0.0
    first_token_ms: float = 0.0
    generate_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class AskFinished:
    """Last event of an answer."""

    groundedness: Groundedness
    finish_reason: FinishReason
    usage: Usage
    timings: AskTimings
    model: str


AskEvent = Retrieved | AnswerDelta | Citation | AskFinished


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
    """A document as a file."""

    id: str
    data: bytes
    media_type: str = ""
    title: str = ""
    source_uri: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    readers: tuple[str, ...] = ()


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
