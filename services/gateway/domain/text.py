"""Text requests, events and results as the gateway sees them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from gateway.domain.tools import Tool, ToolCall, ToolCallDelta, ToolChoice


class Role(StrEnum):
    """Who speaks a chat message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class FinishReason(StrEnum):
    """Why a sequence ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


class TextCapability(StrEnum):
    """One thing that a text model can be asked for; the values are the contract's names in lower case."""

    GENERATE = "generate"
    CHAT = "chat"
    SCORE = "score"
    EMBED = "embed"
    RERANK = "rerank"
    FILL_MASK = "fill_mask"
    TOKENIZE = "tokenize"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation; an assistant's may have calls, and a tool's has the id of the call it answers."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class ChatDocument:
    """A passage that an answer may rest on."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class StructuredOutput:
    """A language that the output must belong to; `value` is a tuple for choices, otherwise a string."""

    kind: Literal["json_schema", "regex", "choice", "grammar"]
    value: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen; None leaves the text service's default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    max_tokens: int | None = None
    n: int | None = None
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    logprobs: int | None = None
    seed: int | None = None
    logit_bias: dict[int, float] = field(default_factory=dict)
    structured_output: StructuredOutput | None = None
    ignore_eos: bool | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Asks for the next turn of a conversation; an empty model is the default that can chat."""

    model: str
    messages: tuple[ChatMessage, ...]
    sampling: Sampling = Sampling()
    documents: tuple[ChatDocument, ...] = ()
    request_id: str = ""
    priority: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    delta_interval_ms: int | None = None
    lora: str = ""


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Asks for continuations of a prompt: a text, or token ids of the model's vocabulary."""

    model: str
    prompt: str | tuple[int, ...]
    sampling: Sampling = Sampling()
    request_id: str = ""
    priority: int | None = None
    delta_interval_ms: int | None = None
    lora: str = ""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """Log-probability of a token, in nats, with the likeliest alternatives, best first."""

    token_id: int
    token: str
    logprob: float
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationStarted:
    """First event of a generation."""

    request_id: str
    model: str
    prompt_token_count: int
    seed: int


@dataclass(frozen=True, slots=True)
class GenerationDelta:
    """More of sequence `index`."""

    index: int
    text: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    tool_calls: tuple[ToolCallDelta, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceResult:
    """How one sequence ended."""

    index: int
    finish_reason: FinishReason
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read, written and, of those read, reused."""

    prompt_token_count: int = 0
    completion_token_count: int = 0
    cached_prompt_token_count: int = 0


@dataclass(frozen=True, slots=True)
class GenerationFinished:
    """Last event of a generation; one entry a sequence, by index. No joules where no meter is."""

    sequences: tuple[SequenceResult, ...]
    usage: Usage
    energy_joules: float | None = None


GenerationEvent = GenerationStarted | GenerationDelta | GenerationFinished


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Asks for one vector a text; an empty model is the default that can embed."""

    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    truncate: bool = False


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """Unit vectors in the order asked, and the stamp to keep beside them. No joules where no meter is.

    `token_counts` has one an input, or none where the text service does not tell.
    """

    vectors: tuple[tuple[float, ...], ...]
    model: str
    model_stamp: str
    prompt_token_count: int
    energy_joules: float | None = None
    token_counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RerankResult:
    """Relevance of each document in the order asked, higher being better. No joules where no meter is."""

    scores: tuple[float, ...]
    model: str
    prompt_token_count: int
    energy_joules: float | None = None


@dataclass(frozen=True, slots=True)
class TextModel:
    """A loaded text model."""

    id: str
    capabilities: frozenset[TextCapability]
    context_length: int
    embedding_dimension: int | None
    stamp: str
