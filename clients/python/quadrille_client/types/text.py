"""Results of the text service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from quadrille_client.types.tools import ToolCall, ToolCallDelta

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls"]


class Sampling(TypedDict, total=False):
    """How tokens are chosen; ranges and defaults are those of `SamplingParameters` in the contract."""

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    frequency_penalty: float
    presence_penalty: float
    repetition_penalty: float
    max_tokens: int
    n: int
    stop: list[str]
    stop_token_ids: list[int]
    logprobs: int
    prompt_logprobs: int
    seed: int
    logit_bias: dict[int, float]
    ignore_eos: bool
    json_schema: str
    regex: str
    choice: list[str]
    grammar: str


class Message(TypedDict):
    """One turn of a conversation; an assistant's may have calls, and a tool's has the id of the call it answers."""

    role: Role
    content: NotRequired[str]
    tool_calls: NotRequired[Sequence[ToolCall | Mapping[str, Any]]]
    tool_call_id: NotRequired[str]


class DocumentPassage(TypedDict):
    """A passage that an answer may rest on."""

    title: NotRequired[str]
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    cached_prompt_tokens: int


@dataclass(frozen=True, slots=True)
class TextTimings:
    """Where the time went, ms; energy is None without a meter."""

    queue_ms: float
    prefill_ms: float
    decode_ms: float
    device_ms: float
    energy_joules: float | None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """Log-probability of a token, in nats, and of the likeliest others."""

    token_id: int
    token: str
    logprob: float
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """First event of a generation."""

    request_id: str
    model: str
    prompt_tokens: int
    seed: int


@dataclass(frozen=True, slots=True)
class PromptLogprobs:
    """How likely the prompt's next tokens are, when `prompt_logprobs` asked for it; the first token has no entry."""

    tokens: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """More of sequence `index`."""

    index: int
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...]
    tool_calls: tuple[ToolCallDelta, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceEnd:
    """How one sequence ended."""

    index: int
    finish_reason: FinishReason
    stop: str | None
    cumulative_logprob: float


@dataclass(frozen=True, slots=True)
class Finished:
    """Last event of a generation."""

    sequences: tuple[SequenceEnd, ...]
    usage: Usage
    timings: TextTimings


@dataclass(frozen=True, slots=True)
class Generation:
    """A whole generation; `texts`, `logprobs` and `calls` have one entry a sequence."""

    texts: tuple[str, ...]
    started: Started
    finished: Finished
    logprobs: tuple[tuple[TokenLogprob, ...], ...]
    prompt_logprobs: tuple[TokenLogprob, ...] = ()
    calls: tuple[tuple[ToolCall, ...], ...] = ()

    @property
    def text(self) -> str:
        """The first sequence."""
        return self.texts[0]

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls that the first sequence asks for."""
        return self.calls[0] if self.calls else ()

    @property
    def message(self) -> Message:
        """The first sequence as a turn, to go on from."""
        return {"role": "assistant", "content": self.text, "tool_calls": self.tool_calls}


@dataclass(frozen=True, slots=True)
class ContinuationScore:
    """Likelihood of a continuation: nats, perplexity, bits per byte."""

    logprob: float
    token_count: int
    perplexity: float
    bits_per_byte: float
    tokens: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors in the order asked, and the stamp to keep beside them."""

    vectors: tuple[tuple[float, ...], ...]
    model: str
    model_stamp: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Ranked:
    """Place of a document in the request, and its relevance."""

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class MaskCandidate:
    """A token that may stand behind a mask."""

    token_id: int
    token: str
    probability: float


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its bytes in the text."""

    id: int
    text: str
    start_byte: int
    end_byte: int


@dataclass(frozen=True, slots=True)
class TextModel:
    """A loaded model."""

    id: str
    architecture: str
    capabilities: tuple[str, ...]
    context_length: int
    vocabulary_size: int
    embedding_dimension: int | None
    parameter_count: int
    dtype: str
    device: str
    engine: str
    engine_reason: str
    stamp: str
    mask_token: str | None
    loras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lora:
    """A loaded LoRA adapter; equal adapters have equal digests."""

    model: str
    name: str
    rank: int
    size_bytes: int
    sha256: str
