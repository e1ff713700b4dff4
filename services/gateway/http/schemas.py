"""Bodies of OpenAI's requests. Options that would change the output and are not known are refused, never dropped."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema


def _whole_number(value: Any) -> Any:
    """JSON knows one kind of numbers: 16.0 is 16."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _never(value: bool) -> bool:
    if value:
        raise ValueError("cannot be done here")
    return value


def _whole_characters(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair, which is no text") from None
    return text


# What the contract's messages can hold; the services check the meaning.
Text = Annotated[str, AfterValidator(_whole_characters)]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-3e38, le=3e38)]
Whole = Annotated[int, BeforeValidator(_whole_number)]
Int32 = Annotated[Whole, Field(ge=-(2**31), le=2**31 - 1)]
Never = Annotated[bool, AfterValidator(_never), WithJsonSchema({"const": False})]
Seed = Annotated[Whole, Field(ge=0, le=2**63 - 1)]


class Exact(BaseModel):
    """Unknown names are refused, and text where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Body(Exact):
    """What changes no output is taken and ignored."""

    model: Text = ""
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


class StreamOptions(Exact):
    """Options of a stream."""

    include_usage: bool = False
    include_obfuscation: bool = False


class SampledBody(Body):
    """What chat and completions share."""

    temperature: Finite | None = None
    top_p: Finite | None = None
    n: Whole | None = Field(None, ge=1, le=16)
    stop: Text | list[Text] | None = None
    seed: Seed | None = None
    max_tokens: Int32 | None = Field(None, ge=1)
    presence_penalty: Finite | None = None
    frequency_penalty: Finite | None = None
    logit_bias: dict[Annotated[Int32, Field(strict=False)], Finite] | None = None  # JSON's names are text
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    # Beyond OpenAI's, as other open servers name them.
    top_k: Int32 | None = None
    min_p: Finite | None = None
    repetition_penalty: Finite | None = None
    ignore_eos: bool | None = None
    lora: Text = Field("", description="Name of a loaded LoRA adapter.")
    # Known, so that it is forbidden rather than unknown.
    chat_template: Any = None


class TextPart(Exact):
    """A piece of a message's content."""

    type: Literal["text"]
    text: Text


class CalledFunction(Exact):
    """A function and the arguments that a model gave it, as JSON text."""

    name: Text
    arguments: Text


class ToolCall(Exact):
    """A call that a model asked for."""

    id: Text
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(Exact):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | list[TextPart] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: Text | None = None
    name: None = None  # templates have no place for it
    # What an answer may hold when it is sent back as it came.
    refusal: None = None
    audio: None = None
    function_call: None = None
    annotations: list[Any] | None = Field(None, max_length=0)


class JsonSchema(Exact):
    """A schema that the answer must satisfy."""

    name: str = ""
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(Exact):
    """The form of an answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class Function(Exact):
    """A function that a model may call; parameters is a JSON schema."""

    name: Text
    description: Text | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Exact):
    """What a model may call."""

    type: Literal["function"]
    function: Function


class FunctionName(Exact):
    """The name of a function."""

    name: Text


class NamedTool(Exact):
    """The choice of one function."""

    type: Literal["function"]
    function: FunctionName


class ChatBody(SampledBody):
    """POST /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1, max_length=256)
    max_completion_tokens: Int32 | None = Field(None, ge=1)
    logprobs: bool | None = None
    top_logprobs: Int32 | None = None
    response_format: ResponseFormat | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None


class CompletionBody(SampledBody):
    """POST /v1/completions."""

    prompt: Text | list[Text] | list[Int32] | list[list[Int32]]
    logprobs: Int32 | None = None
    echo: Never | None = None
    best_of: Int32 | None = None
    suffix: None = None


def _no_tokens(given: Any) -> Any:
    if isinstance(given, list) and given and isinstance(given[0], int | list):
        raise ValueError(
            "must be text: tokens of another vocabulary are other words (LangChain: check_embedding_ctx_length=False)"
        )
    return given


class EmbeddingBody(Body):
    """POST /v1/embeddings."""

    input: Annotated[Text | list[Text], BeforeValidator(_no_tokens)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Int32 | None = None


class RerankDocument(Exact):
    """A document as an object."""

    text: Text


class RerankBody(Body):
    """POST /v1/rerank."""

    query: Text
    documents: list[Text | RerankDocument]
    top_n: Whole | None = Field(None, ge=1)
    return_documents: bool = False


class ModerationBody(Body):
    """POST /v1/moderations."""

    input: Text | Annotated[list[Text | TextPart], Field(min_length=1, max_length=32)]
