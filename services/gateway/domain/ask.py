"""Questions over documents."""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.retrieval import MaximalMarginalRelevance, SearchMode
from gateway.domain.text import ChatMessage, Sampling


class RewriteMethod(StrEnum):
    """What makes a follow-up question one that stands for itself."""

    MODEL = "model"
    HISTORY = "history"


class SupportMethod(StrEnum):
    """How it is judged whether a passage supports a sentence."""

    LEXICAL = "lexical"
    EMBEDDING = "embedding"
    RELEVANCE = "relevance"


class InjectionDefence(StrEnum):
    """What is done about passages that read like instructions to a model."""

    OFF = "off"
    MARK = "mark"
    TAKE_OUT = "take_out"
    OMIT = "omit"


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The question is rewritten before it is searched for; an empty model is the one that answers."""

    method: RewriteMethod = RewriteMethod.MODEL
    model: str = ""


@dataclass(frozen=True, slots=True)
class Reranking:
    """The best `depth` passages are ordered anew; an empty model is the default that can."""

    model: str
    depth: int


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A question to one or several collections; `filter` is the client's filter in its wire form.

    `support` is None for embeddings where a model can embed, and words where none can.
    """

    collections: tuple[str, ...]
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
    rewrite: Rewriting | None = None
    mmr: MaximalMarginalRelevance | None = None
    min_relevance: float | None = None
    max_passage_tokens: int | None = None
    max_history_tokens: int | None = None
    support: SupportMethod | None = None
    supported_only: bool = False
    defence: InjectionDefence = InjectionDefence.TAKE_OUT
