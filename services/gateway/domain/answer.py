"""Events of an answer that rests on documents. Spans count bytes of UTF-8, the last excluded."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.retrieval import Hit
from gateway.domain.text import FinishReason, Usage

Span = tuple[int, int]


class Omission(StrEnum):
    """Why a passage that was found is not given to the model."""

    IRRELEVANT = "irrelevant"
    DUPLICATE = "duplicate"
    SUSPICIOUS = "suspicious"
    NO_ROOM = "no_room"


class Abstention(StrEnum):
    """Why there is no answer."""

    NOTHING_FOUND = "nothing_found"
    NOTHING_USABLE = "nothing_usable"
    MODEL = "model"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What is searched for, and how that was made: a model's id, or "history"."""

    query: str
    method: str


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A place in a document that reads like an instruction to a model; empty where its title does."""

    kind: str
    span: Span


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk given to the model, and the number it is cited by, from 1."""

    number: int
    hit: Hit
    collection: str = ""
    rerank_score: float | None = None
    suspicions: tuple[Suspicion, ...] = ()


@dataclass(frozen=True, slots=True)
class OmittedPassage:
    """A chunk that was found and is not given to the model."""

    hit: Hit
    collection: str
    reason: Omission
    suspicions: tuple[Suspicion, ...] = ()


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
class Citation:
    """A statement of the answer cites a passage, whose part `evidence` supports it best."""

    passage: Passage
    answer: Span
    sentence_number: int
    support: float
    supported: bool
    evidence: Span | None


@dataclass(frozen=True, slots=True)
class SentenceSupport:
    """What a sentence of the answer rests on; `passage_number` is 0 when no passage supports it at all."""

    number: int
    answer: Span
    support: float
    supported: bool
    passage_number: int
    evidence: Span | None
    cited_passage_numbers: tuple[int, ...]
    repeats_instruction: bool


@dataclass(frozen=True, slots=True)
class Groundedness:
    """How well the passages support an answer; a measure, not a proof."""

    method: str
    sentences: tuple[SentenceSupport, ...] = ()
    withheld_sentence_count: int = 0
    invalid_citation_count: int = 0

    @property
    def sentence_count(self) -> int:
        """Sentences that the model wrote, but for those that say that there is no answer."""
        return len(self.sentences) + self.withheld_sentence_count

    @property
    def supported_sentence_count(self) -> int:
        """Those that a passage supports."""
        return sum(sentence.supported for sentence in self.sentences)

    @property
    def score(self) -> float:
        """The part that is supported; 0 when there are none."""
        return self.supported_sentence_count / self.sentence_count if self.sentence_count else 0.0


@dataclass(frozen=True, slots=True)
class AskTimings:
    """Where the time of one answer went, ms, and the energy of the models' passes where it was metered."""

    rewrite_ms: float = 0.0
    embed_ms: float = 0.0
    search_ms: float = 0.0
    rerank_ms: float = 0.0
    pack_ms: float = 0.0
    first_token_ms: float = 0.0
    generate_ms: float = 0.0
    support_ms: float = 0.0
    total_ms: float = 0.0
    energy_joules: float | None = None


@dataclass(frozen=True, slots=True)
class AskFinished:
    """Last event of an answer."""

    groundedness: Groundedness
    finish_reason: FinishReason
    usage: Usage
    timings: AskTimings
    model: str
    abstention: Abstention | None = None


AskEvent = Rewritten | Retrieved | AnswerDelta | Citation | SentenceSupport | AskFinished
