"""What OpenAI's requests for text are answered with: said in the OpenAPI description, and held by tests."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from gateway.http.schemas import ToolCall

FinishReason = Literal["stop", "length", "tool_calls"]


class Answer(BaseModel):
    """No answer has more than what is named."""

    model_config = ConfigDict(extra="forbid")


class PromptTokens(Answer):
    """Of the prompt's tokens, those whose computation was reused."""

    cached_tokens: int


class Usage(Answer):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokens


class ReadUsage(Answer):
    """Tokens read, where none are written."""

    prompt_tokens: int
    total_tokens: int


class TopLogprob(Answer):
    """A token that might have been chosen, and the natural logarithm of its probability.

    There are no bytes where it is part of a character.
    """

    token: str
    logprob: float
    bytes: list[int] | None


class ChatLogprob(TopLogprob):
    """The token that was chosen, and the likeliest at its place."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(Answer):
    """One entry a token."""

    content: list[ChatLogprob]
    refusal: None


class AnsweredMessage(Answer):
    """What the model said. Without words of its own, content is null beside calls."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: list[ToolCall] | None = None


class ChatChoice(Answer):
    """One of n answers."""

    index: int
    message: AnsweredMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason


class ChatCompletion(Answer):
    """An answer to a conversation."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class CompletionLogprobs(Answer):
    """One entry a token; text_offset counts characters of the choice's text."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class CompletionChoice(Answer):
    """One continuation; those of the first prompt come first."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason


class Completion(Answer):
    """Continuations."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage


class Embedding(Answer):
    """A unit vector: numbers, or in base64 little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingList(Answer):
    """One vector a text, in the order asked."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: ReadUsage


class RankedText(Answer):
    """The document, where it was asked for."""

    text: str


class Ranked(Answer):
    """A document by its place in the request, and how relevant it is; higher is better."""

    index: int
    relevance_score: float
    document: RankedText | None = None


class Ranking(Answer):
    """Documents, best first."""

    id: str
    model: str
    results: list[Ranked]
    usage: ReadUsage


class Image(Answer):
    """An image in base64, and the seed that makes it again."""

    b64_json: str
    seed: int


class ImageList(Answer):
    """All images that were asked for, in order."""

    created: int
    data: list[Image]
    background: Literal["opaque"]
    output_format: Literal["png", "jpeg", "webp"]
    size: str


class ModerationResult(Answer):
    """What one text is said to be, by category: those of OpenAI that the model knows, and its own."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[Literal["text"]]]


class ModerationAnswer(Answer):
    """One result a text, in the order asked."""

    id: str
    model: str
    results: list[ModerationResult]


class Model(Answer):
    """A model that can be named in requests."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(Answer):
    """All models that can be reached."""

    object: Literal["list"]
    data: list[Model]


class Failure(Answer):
    """What went wrong; code is for machines, param the path of what is at fault in the body."""

    message: str
    type: str
    param: str | None
    code: str | None


class FailureBody(Answer):
    """Every failure's body."""

    error: Failure
