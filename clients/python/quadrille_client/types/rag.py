"""Events and results of the gateway's RagService."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from quadrille_client.types.retrieval import Filter, Hit, SearchMode
from quadrille_client.types.text import FinishReason, Message, Sampling, Usage

ChunkUnit = Literal["characters", "tokens"]
RewriteMethod = Literal["model", "history"]
SupportMethod = Literal["lexical", "embedding", "relevance"]
InjectionDefence = Literal["off", "mark", "take_out", "omit"]
OmissionReason = Literal["irrelevant", "duplicate", "suspicious", "no_room", "unknown"]
Abstention = Literal["nothing_found", "nothing_usable", "model", "unsupported", "unknown"]


class AskOptions(Sampling, total=False):
    """Options of a question, besides how to sample; ranges and defaults are those of `AskRequest` in the contract.

    `passages` is how many the model is given. With `rerank`, a model that judges relevance ("" for the default) picks
    these out of `rerank_depth`. `rewrite` makes follow-ups stand for themselves; `rewrite_model` goes with "model".
    """

    history: Sequence[Message]
    model: str
    passages: int | None
    filter: Filter | None
    mode: SearchMode | None
    min_lsn: int | None
    rerank: str | None
    rerank_depth: int | None
    rewrite: RewriteMethod | None
    rewrite_model: str
    mmr: float | None
    mmr_candidates: int | None
    min_relevance: float | None
    max_passage_tokens: int | None
    max_history_tokens: int | None
    support: SupportMethod | None
    supported_only: bool
    injection_defence: InjectionDefence | None


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What is searched for instead of the question; `method` is the id of a model, or "history"."""

    query: str
    method: str


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Bytes of a document that read like an instruction to a model; none where its title does."""

    kind: str
    start_byte: int
    end_byte: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk, under the number it is cited by."""

    number: int
    hit: Hit
    collection: str = ""
    rerank_score: float | None = None
    suspicions: tuple[Suspicion, ...] = ()


@dataclass(frozen=True, slots=True)
class OmittedPassage:
    """A chunk that was found and is not given to the model."""

    chunk_id: str
    document_id: str
    collection: str
    reason: OmissionReason
    suspicions: tuple[Suspicion, ...]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What the answer rests on."""

    passages: tuple[Passage, ...]
    request_id: str
    omitted: tuple[OmittedPassage, ...] = ()
    history_message_count: int = 0


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Bytes of a document that support a statement best."""

    start_byte: int
    end_byte: int


@dataclass(frozen=True, slots=True)
class Citation:
    """Ties a statement of the answer to a span of a document; offsets count UTF-8 bytes.

    `support` is how well that document's passage supports it, 0 to 1, by the method of `Groundedness`.
    """

    number: int
    chunk_id: str
    document_id: str
    start_byte: int
    end_byte: int
    answer_start_byte: int
    answer_end_byte: int
    content_sha256: str
    sentence_number: int = 0
    collection: str = ""
    support: float = 0.0
    supported: bool = False
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class SentenceSupport:
    """What a sentence of the answer rests on; `passage_number` is 0 when no passage supports it at all."""

    number: int
    answer_start_byte: int
    answer_end_byte: int
    support: float
    supported: bool
    passage_number: int
    evidence: Evidence | None
    cited_passage_numbers: tuple[int, ...]
    repeats_instruction: bool


@dataclass(frozen=True, slots=True)
class Groundedness:
    """Part of the answer's sentences that a passage supports: a measure, not a proof."""

    score: float
    sentence_count: int
    supported_sentence_count: int
    invalid_citation_count: int
    method: str
    sentences: tuple[SentenceSupport, ...] = ()
    withheld_sentence_count: int = 0


@dataclass(frozen=True, slots=True)
class AskFinished:
    """Last event. `abstention` says why the documents don't answer; None when they do."""

    groundedness: Groundedness
    finish_reason: FinishReason | None
    usage: Usage
    model: str
    embed_ms: float
    search_ms: float
    first_token_ms: float
    generate_ms: float
    rewrite_ms: float = 0.0
    rerank_ms: float = 0.0
    pack_ms: float = 0.0
    support_ms: float = 0.0
    total_ms: float = 0.0
    energy_joules: float | None = None
    abstention: Abstention | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `omitted` was found and not given to the model."""

    text: str
    passages: tuple[Passage, ...]
    citations: tuple[Citation, ...]
    finished: AskFinished
    rewritten: Rewritten | None = None
    omitted: tuple[OmittedPassage, ...] = ()

    @property
    def sentences(self) -> tuple[SentenceSupport, ...]:
        """The answer's sentences, with what they rest on."""
        return self.finished.groundedness.sentences

    @property
    def abstention(self) -> Abstention | None:
        """Why the documents don't answer; None when they do."""
        return self.finished.abstention


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
