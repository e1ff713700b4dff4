"""Documents, searches and hits as the gateway sees them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.domain.filters import Filter

Vector = tuple[float, ...]


class SearchMode(StrEnum):
    """What ranks the chunks."""

    DENSE = "dense"
    LEXICAL = "lexical"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of documents that share a vector space; `embedding_model` is a stamp, empty when any will do.

    The counts are those of the moment when it was read.
    """

    name: str
    dimension: int
    embedding_model: str
    document_count: int = 0
    chunk_count: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document: bytes start_byte to end_byte of the document's text in UTF-8."""

    text: str
    start_byte: int
    end_byte: int


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the store holds it; `spans` are its chunks' bytes, in order.

    Listings leave out text and spans, but not how many chunks there are and how long the text is.
    """

    id: str
    title: str
    source_uri: str
    metadata: dict[str, Any]
    content_sha256: str
    spans: tuple[tuple[int, int], ...]
    lsn: int
    readers: tuple[str, ...] = ()
    text: str = ""
    version: int = 0
    chunk_count: int = 0
    text_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Documents of a listing; `next_token` asks for those that come next, and is empty on the last page."""

    documents: tuple[StoredDocument, ...]
    next_token: str


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to write: one vector a chunk."""

    id: str
    title: str
    source_uri: str
    text: str
    metadata: dict[str, Any]
    chunks: tuple[Chunk, ...] = ()
    vectors: tuple[Vector, ...] = ()
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MaximalMarginalRelevance:
    """Trades relevance for variety; None leaves the store's default."""

    relevance_weight: float | None = None
    candidate_count: int | None = None


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search; `filter` may be the client's filter in its wire form, which the gateway never looks into."""

    collection: str
    mode: SearchMode
    text: str
    top_k: int
    vector: Vector = ()
    embedding_model: str = ""
    filter: Filter | bytes | None = None
    min_lsn: int | None = None
    mmr: MaximalMarginalRelevance | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found; `content_sha256` is that of its document's text."""

    chunk_id: str
    document_id: str
    ordinal: int
    text: str
    title: str
    source_uri: str
    start_byte: int
    end_byte: int
    score: float
    metadata: dict[str, Any] = field(default_factory=dict)
    dense_score: float | None = None
    lexical_score: float | None = None
    dense_rank: int | None = None
    lexical_rank: int | None = None
    content_sha256: str = ""
