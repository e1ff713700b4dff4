"""What the service speaks about, free of protobuf, SQL and FAISS."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.filters import Filter

Vector = NDArray[np.float32]
Ids = NDArray[np.int64]
Scores = NDArray[np.float64]
# A set of places 0 … n-1: ceil(n / 8) bytes, place i is bit i % 8 (lowest first) of byte i // 8.
Bitmap = NDArray[np.uint8]
Metadata = dict[str, Any]
# As whom documents are read: the entries of `Document.readers` that let the caller in. None: everything is read.
Access = frozenset[str] | None
EVERYTHING: Access = None


class Metric(Enum):
    """How vectors are compared; scores are always "higher is better"."""

    COSINE = "cosine"
    INNER_PRODUCT = "inner_product"
    L2 = "l2"


class IndexKind(Enum):
    """The structure that vectors are searched in."""

    FLAT = "flat"
    HNSW = "hnsw"
    IVF_PQ = "ivf_pq"
    SCALAR_QUANTIZED = "scalar_quantized"


class SearchMode(Enum):
    """What ranks the chunks."""

    DENSE = "dense"
    LEXICAL = "lexical"
    HYBRID = "hybrid"


class Effort(Enum):
    """How hard an approximate index looks: for a recall@10 of 0.95, of 0.99, or for all; FLAT is always exact."""

    DEFAULT = "default"
    ACCURATE = "accurate"
    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Hnsw:
    """Options of HNSW graphs: links a vector, vectors held while it is linked, and while one is searched for.

    `ef_search` None: learned, see `index.widths`.
    """

    m: int = 32
    ef_construction: int = 200
    ef_search: int | None = None
    accurate_ef_search: int = 256


@dataclass(frozen=True, slots=True)
class IvfPq:
    """Options of IVF-PQ: bytes a code (None: chosen by the dimension), and the share of lists that is probed."""

    code_bytes: int | None = None
    probe_share: float = 0.05
    accurate_probe_share: float = 0.2


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """What a caller chooses when a collection is made."""

    name: str
    dimension: int
    metric: Metric = Metric.COSINE
    index: IndexKind = IndexKind.FLAT
    embedding_model: str = ""
    options: Hnsw | IvfPq | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as it stands. `id` is internal and never used again once the collection is deleted."""

    id: int
    tenant: str
    spec: CollectionSpec
    document_count: int
    chunk_count: int
    last_lsn: int
    created_at: datetime
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """A sealed segment of a collection on disk; `token` names its files, `sha256` is of both of them."""

    token: str
    collection: int
    kind: IndexKind
    count: int
    dimension: int
    embedding_model: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage; `start_byte` and `end_byte` lie in its document's UTF-8 text. `vector` is (dimension,)."""

    text: str
    start_byte: int = 0
    end_byte: int = 0
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document. Without `readers` its tenant's callers read it.

    The store sets `version` to `updated_at`, `chunk_count` and `text_bytes`, also where text and chunks are left out.
    """

    id: str
    title: str = ""
    source_uri: str = ""
    text: str = ""
    metadata: Metadata = field(default_factory=dict)
    chunks: tuple[Chunk, ...] = ()
    version: int = 0
    lsn: int = 0
    content_sha256: str = ""
    updated_at: datetime | None = None
    readers: tuple[str, ...] = ()
    source_lsn: int = 0
    chunk_count: int = 0
    text_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """A durable write of documents; `versions` in the order sent."""

    lsn: int
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """A durable deletion."""

    count: int
    lsn: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of documents; `last` is the id to go on after, None on the last page."""

    documents: tuple[Document, ...]
    last: str | None


@dataclass(frozen=True, slots=True)
class ReciprocalRank:
    """Fusion by ranks; see `fusion.reciprocal_rank`."""

    k: int = 60


@dataclass(frozen=True, slots=True)
class Weighted:
    """Fusion by scores; see `fusion.weighted`."""

    dense: float
    lexical: float


@dataclass(frozen=True, slots=True)
class DistributionBased:
    """Fusion by scores; see `fusion.distribution_based`."""


Fusion = ReciprocalRank | Weighted | DistributionBased


@dataclass(frozen=True, slots=True)
class Mmr:
    """Maximal marginal relevance; see `mmr.select`."""

    relevance_weight: float
    candidate_count: int


@dataclass(slots=True)
class Query:
    """One search. `mode` None: hybrid when there is a vector and text, otherwise what there is.

    `effort` None: accurate when only some chunks may be found, else default.
    With a `group_size`, `top_k` counts documents and it bounds the chunks of each. Hits are references unless they are
    to carry passages; vectors may come with either.
    """

    mode: SearchMode | None = None
    vector: Vector | None = None
    text: str = ""
    top_k: int = 10
    filter: Filter | None = None
    fusion: Fusion = ReciprocalRank()
    min_score: float | None = None
    mmr: Mmr | None = None
    group_size: int | None = None
    effort: Effort | None = None
    with_passages: bool = True
    with_vectors: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk in one ranking, `rank` from 1."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Reference:
    """Which chunk was found; `id` is "<document id>#<ordinal>"."""

    id: str
    document_id: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Passage(Reference):
    """What is stored about a chunk that was found."""

    text: str
    title: str
    source_uri: str
    start_byte: int
    end_byte: int
    metadata: Metadata
    content_sha256: str

    def reference(self) -> Reference:
        """Return no more than which it is."""
        return Reference(self.id, self.document_id, self.ordinal)


@dataclass(frozen=True, slots=True)
class KeptPassage:
    """A passage and the forms in which it, and the reference to it, are sent."""

    passage: Passage
    encoded: bytes
    encoded_reference: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found, with its places in the rankings that had it as a candidate.

    `passage` is a mere reference where no more was asked for; `vector` is the chunk's as it is stored, if that was
    asked for and there is one.
    """

    passage: Reference
    score: float
    dense: Ranked | None
    lexical: Ranked | None
    vector: Vector | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """How an answer was found."""

    mode: SearchMode
    dense: str = ""
    lexical: str = ""
    filtered_chunk_count: int | None = None
    dense_candidate_count: int = 0
    lexical_candidate_count: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first; `lsn` is the last write that was seen."""

    hits: tuple[Hit, ...]
    lsn: int
    plan: Plan
    seconds: float


@dataclass(slots=True)
class DenseAnswer:
    """An answer of a ranking by vectors alone: scores and passages, best first, as they are written.

    Its hits are references where they are not to carry passages.
    Not frozen, as `Query` is not, and without a `Hit` for each: they are made by the thousand.
    """

    ranking: list[tuple[float, KeptPassage]]
    lsn: int
    plan: Plan
    seconds: float
    with_passages: bool = True

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The hits of any other answer."""
        return tuple(
            Hit(
                kept.passage if self.with_passages else kept.passage.reference(),
                score,
                Ranked(place, score),
                None,
            )
            for place, (score, kept) in enumerate(self.ranking, 1)
        )


AnyAnswer = Answer | DenseAnswer
