"""What textgen talks about: requests, events and results, free of transport and of torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from serving.loras import Adapter

from textgen.tools.calls import Tool, ToolCall, ToolCallDelta, ToolChoice


class Capability(Enum):
    """One thing that a model can be asked for."""

    GENERATE = "generate"
    CHAT = "chat"
    SCORE = "score"
    EMBED = "embed"
    RERANK = "rerank"
    FILL_MASK = "fill_mask"
    TOKENIZE = "tokenize"


class Role(Enum):
    """Who speaks a chat message; the values are those that chat templates know."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class FinishReason(Enum):
    """Why a sequence ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


class StructuredKind(Enum):
    """The ways to describe a language that an output must belong to; the values are the proto's field names."""

    JSON_SCHEMA = "json_schema"
    REGEX = "regex"
    CHOICE = "choice"
    GRAMMAR = "grammar"


@dataclass(frozen=True, slots=True)
class StructuredOutput:
    """A language: one text for schema, regex and grammar; the strings themselves for a choice.

    Errors name the request's field that it comes from; without one, the field of its kind.
    """

    kind: StructuredKind
    value: str = ""
    choices: tuple[str, ...] = ()
    field: str = ""

    @property
    def path(self) -> str:
        """The field that errors name."""
        return self.field or f"sampling.structured_output.{self.kind.value}"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen; the defaults are those of the contract."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    max_tokens: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    stop_token_ids: frozenset[int] = frozenset()
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    structured_output: StructuredOutput | None = None
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """Text, or tokens that are used as they are."""

    text: str | None = None
    token_ids: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A prompt to continue."""

    model: str
    prompt: Prompt
    sampling: Sampling
    request_id: str
    priority: int = 0
    lora: str = ""
    delta_interval_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn: of an assistant, with the calls that it asked for; of a tool, with the id of the call it answers."""

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
class ChatRequest:
    """A conversation to continue."""

    model: str
    messages: tuple[ChatMessage, ...]
    documents: tuple[ChatDocument, ...]
    sampling: Sampling
    request_id: str
    priority: int = 0
    lora: str = ""
    delta_interval_ms: int = 0
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = field(default_factory=ToolChoice)
    parallel_tool_calls: bool = True


@dataclass(frozen=True, slots=True)
class GenerationTask:
    """A generation as an engine gets it: tokens in, every default resolved (max_tokens, seed)."""

    prompt: tuple[int, ...]
    sampling: Sampling
    max_tokens: int
    seed: int
    request_id: str
    priority: int = 0
    deadline: float | None = None  # on the clock of time.monotonic
    shown: frozenset[int] = frozenset()  # special tokens that are text in this answer
    adapter: Adapter | None = None
    delta_interval_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token's log-probability in nats, and the likeliest tokens at its place."""

    token_id: int
    token: str
    logprob: float
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """First event of a generation."""

    request_id: str
    model: str
    prompt_token_count: int
    seed: int


@dataclass(frozen=True, slots=True)
class PromptLogprobs:
    """How likely the prompt's next tokens are, each given those before it; all of them come before the first delta."""

    tokens: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """More of one sequence."""

    index: int
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...] = ()
    tool_calls: tuple[ToolCallDelta, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceResult:
    """How one sequence ended; the log-probability in nats, under the model before any sampling rule."""

    index: int
    finish_reason: FinishReason
    stop: str | None
    cumulative_logprob: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read, written, and those read whose computation was reused."""

    prompt_token_count: int
    completion_token_count: int = 0
    cached_prompt_token_count: int = 0


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a request's time went, in milliseconds; energy in joules where there is a meter."""

    queue_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    device_ms: float = 0.0
    energy_joules: float | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """Last event of a generation."""

    sequences: tuple[SequenceResult, ...]
    usage: Usage
    timings: Timings


GeneratorEvent = PromptLogprobs | Delta | Finished
GenerationEvent = Started | GeneratorEvent


@dataclass(frozen=True, slots=True)
class Answered:
    """What every unary answer of a model carries."""

    model: str
    usage: Usage
    timings: Timings


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Continuations whose likelihood is asked; without a prompt, the unconditional one."""

    model: str
    prompt: Prompt | None
    continuations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContinuationScore:
    """A continuation's tokens with their log-probabilities, and its length in UTF-8 bytes."""

    tokens: tuple[TokenLogprob, ...]
    byte_count: int


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Texts to map to vectors."""

    model: str
    inputs: tuple[str, ...]
    normalize: bool = True
    dimensions: int | None = None
    truncate: bool = False


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """Documents to order by relevance to a query."""

    model: str
    query: str
    documents: tuple[str, ...]
    top_n: int | None = None


@dataclass(frozen=True, slots=True)
class FillMaskRequest:
    """A text with mask tokens."""

    model: str
    text: str
    top_k: int = 5


@dataclass(frozen=True, slots=True)
class MaskCandidate:
    """A token that may stand behind a mask, with its probability."""

    token_id: int
    token: str
    probability: float


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """A token and the UTF-8 bytes of the text that it covers, [start_byte, end_byte)."""

    token_id: int
    text: str
    start_byte: int
    end_byte: int


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts of a loaded model."""

    id: str
    architecture: str
    capabilities: frozenset[Capability]
    context_length: int
    vocabulary_size: int
    parameter_count: int
    dtype: str
    device: str
    engine: str
    engine_reason: str
    stamp: str
    embedding_dimension: int | None = None
    mask_token: str | None = None
    loras: tuple[str, ...] = ()
