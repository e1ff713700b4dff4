"""Documents, filters and results of the retrieval service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict

Metric = Literal["cosine", "inner_product", "l2"]
IndexKind = Literal["flat", "hnsw", "ivf_pq", "scalar_quantized"]
SearchMode = Literal["dense", "lexical", "hybrid"]
SearchEffort = Literal["default", "accurate", "exact"]
HitPart = Literal["reference", "passage", "vector"]
# {"field": "lang", "equals": "en"} | {"field": "n", "range": {"gte": 1}} | {"field": "a.b", "any_of": [1, 2]}
# | {"field": "x", "prefix": "ab"} | {"field": "x", "exists": True}
# | {"all": [filter, …]} | {"any": [filter, …]} | {"not": filter}
Filter = Mapping[str, Any]
# {"rrf": {"k": 60}} | {"weighted": {"dense_weight": 0.7, "lexical_weight": 0.3}} | {"dbsf": {}}
Fusion = Mapping[str, Any]


class SearchOptions(TypedDict, total=False):
    """What a search may be told besides its query; what is left out takes the server's default.

    `mmr` is the weight of relevance against variety, 0 to 1. `group_size` makes `top_k` count documents and
    bounds the chunks of each. `effort` says how hard an approximate index looks. `parts` are what hits carry: without
    it the passage, ["reference"] ids and scores alone, ["passage", "vector"] the stored vector too.
    """

    top_k: int | None
    filter: Filter | None
    fusion: Fusion | None
    min_score: float | None
    mmr: float | None
    mmr_candidates: int | None
    group_size: int | None
    effort: SearchEffort | None
    parts: Sequence[HitPart] | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document; byte offsets count in the document's UTF-8 text."""

    text: str
    start_byte: int = 0
    end_byte: int = 0
    vector: Sequence[float] = ()
    ordinal: int = 0
    id: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its chunks; version, lsn, content_sha256, update_time, chunk_count and text_bytes are set in results.

    `readers`, "principal:<name>" or "group:<name>", are who may read it; without any all of the tenant may.
    `source_lsn` is the lsn of the document that this one is a copy of, 0 when it is none.
    """

    id: str
    text: str = ""
    title: str = ""
    source_uri: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    chunks: Sequence[Chunk] = ()
    version: int = 0
    lsn: int = 0
    content_sha256: str = ""
    update_time: datetime | None = None
    readers: Sequence[str] = ()
    source_lsn: int = 0
    chunk_count: int = 0
    text_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of documents that share a vector space."""

    name: str
    dimension: int
    metric: Metric
    embedding_model: str
    document_count: int
    chunk_count: int
    last_lsn: int
    aliases: tuple[str, ...]
    index: IndexKind = "flat"
    index_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of documents; `next_page_token` is empty on the last."""

    documents: tuple[Document, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class Written:
    """A durable write."""

    lsn: int
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reembedding:
    """How far a re-embedding is: `seen_count` of the source's `document_count` documents are passed this round."""

    document_count: int
    seen_count: int
    copied_count: int
    deleted_count: int
    finished: bool = False


@dataclass(frozen=True, slots=True)
class IngestAck:
    """A document is durable and visible."""

    document_id: str
    version: int
    lsn: int


@dataclass(frozen=True, slots=True)
class IngestRefusal:
    """A document was refused."""

    document_id: str
    reason: str
    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. What its search did not ask for, or it lacks, is empty."""

    chunk_id: str
    document_id: str
    ordinal: int
    text: str
    title: str
    source_uri: str
    start_byte: int
    end_byte: int
    metadata: Mapping[str, Any]
    score: float
    dense_score: float | None
    lexical_score: float | None
    content_sha256: str
    rerank_score: float | None = None
    vector: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Chunks, best first; `plan` tells how they were found when it was asked for."""

    hits: tuple[Hit, ...]
    lsn: int
    search_ms: float
    plan: Mapping[str, Any] | None

    def by_document(self) -> dict[str, tuple[Hit, ...]]:
        """Hits by document id, documents in the order of their first hit."""
        ids = dict.fromkeys(hit.document_id for hit in self.hits)
        return {id: tuple(hit for hit in self.hits if hit.document_id == id) for id in ids}
