"""The contract's limits, checked before anything is allocated."""

import math
from collections.abc import Sequence

from serving.errors import InvalidInput
from serving.loras import check_name

from textgen.domain import Sampling, StructuredKind
from textgen.served import ServedModel

MAX_SEED = 2**63 - 1
_RANGES = {
    "temperature": (0.0, 10.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "repetition_penalty": (0.0, 10.0),
}
_OPEN_BELOW = frozenset({"top_p", "repetition_penalty"})
_STRUCTURED_BYTES = {
    StructuredKind.JSON_SCHEMA: 64 * 1024,
    StructuredKind.REGEX: 8 * 1024,
    StructuredKind.GRAMMAR: 64 * 1024,
}


def within(field: str, value: float, low: float, high: float, *, open_below: bool = False) -> None:
    """InvalidInput unless low <= value <= high (low < value when open below); NaN is never within."""
    if not math.isfinite(value) or not low <= value <= high or (open_below and value == low):
        bracket = "(" if open_below else "["
        raise InvalidInput(field, f"must be in {bracket}{low:g}, {high:g}], not {value:g}")


def at_most(field: str, count: int, most: int, least: int = 0) -> None:
    """InvalidInput unless least <= count <= most."""
    if not least <= count <= most:
        raise InvalidInput(field, f"must have {least} to {most} entries, not {count}")


def check_sampling(sampling: Sampling, vocabulary_size: int) -> None:
    """All that can be wrong with sampling parameters by themselves."""
    for name, (low, high) in _RANGES.items():
        within(f"sampling.{name}", getattr(sampling, name), low, high, open_below=name in _OPEN_BELOW)
    within("sampling.top_k", sampling.top_k, 0, 100_000)
    within("sampling.n", sampling.n, 1, 16)
    if sampling.max_tokens is not None and sampling.max_tokens < 1:
        raise InvalidInput("sampling.max_tokens", "must be at least 1")
    for name in ("logprobs", "prompt_logprobs"):
        if (count := getattr(sampling, name)) is not None:
            within(f"sampling.{name}", count, 0, 20)
    if sampling.seed is not None and not 0 <= sampling.seed <= MAX_SEED:
        raise InvalidInput("sampling.seed", "must be 0 to 2^63 - 1")
    at_most("sampling.stop", len(sampling.stop), 16)
    for place, stop in enumerate(sampling.stop):
        if not 1 <= len(stop.encode()) <= 256:
            raise InvalidInput(f"sampling.stop[{place}]", "must be 1 to 256 bytes")
    at_most("sampling.stop_token_ids", len(sampling.stop_token_ids), 128)
    check_ids("sampling.stop_token_ids", tuple(sampling.stop_token_ids), vocabulary_size)
    at_most("sampling.logit_bias", len(sampling.logit_bias), 1024)
    check_ids("sampling.logit_bias", tuple(sampling.logit_bias), vocabulary_size)
    for token_id, bias in sampling.logit_bias.items():
        within(f"sampling.logit_bias[{token_id}]", bias, -100, 100)
    _check_structured(sampling)


def _check_structured(sampling: Sampling) -> None:
    structured = sampling.structured_output
    if structured is None:
        return
    field = f"sampling.structured_output.{structured.kind.value}"
    if structured.kind is StructuredKind.CHOICE:
        at_most(f"{field}.choices", len(structured.choices), 1024, least=1)
        if not all(structured.choices) or len(set(structured.choices)) < len(structured.choices):
            raise InvalidInput(f"{field}.choices", "must be distinct and not empty")
        if sum(len(choice.encode()) for choice in structured.choices) > 64 * 1024:
            raise InvalidInput(f"{field}.choices", "must be at most 64 KiB together")
    elif not 1 <= len(structured.value.encode()) <= _STRUCTURED_BYTES[structured.kind]:
        raise InvalidInput(field, f"must be 1 to {_STRUCTURED_BYTES[structured.kind]} bytes")


def check_ids(field: str, ids: Sequence[int], vocabulary_size: int) -> None:
    """InvalidInput unless all are token ids."""
    if ids and not (min(ids) >= 0 and max(ids) < vocabulary_size):
        raise InvalidInput(field, f"must be token ids, 0 to {vocabulary_size - 1}")


def check_text(field: str, text: str, model: ServedModel) -> None:
    """InvalidInput for a text that cannot fit however it is tokenized: no token is longer than 512 bytes."""
    most = model.info.context_length * 512
    if len(text) > most:
        raise InvalidInput(field, f"is over {most} characters, more than the context can hold")


def answer_room(prompt_tokens: int, sampling: Sampling, model: ServedModel, field: str) -> int:
    """Tokens to generate at most; InvalidInput when prompt and answer do not fit the context."""
    context = model.info.context_length
    taken = prompt_tokens if model.shares_context else 0
    room = min(context - taken, model.max_request_tokens - prompt_tokens)
    if prompt_tokens < 1:
        raise InvalidInput(field, "holds no tokens")
    if sampling.prompt_logprobs is not None and not model.shares_context:
        raise InvalidInput(
            "sampling.prompt_logprobs",
            f"{model.info.architecture} gives the tokens of a prompt no likelihood",
        )
    if prompt_tokens > context or room < 1:
        raise InvalidInput(
            field, f"has {prompt_tokens} tokens; with an answer it exceeds the context of {context}"
        )
    if sampling.max_tokens is None:
        return min(256, room)
    if sampling.max_tokens > room:
        raise InvalidInput(
            "sampling.max_tokens", f"must be at most {room} after {prompt_tokens} prompt tokens"
        )
    return sampling.max_tokens


def check_request(request_id: str, priority: int, lora: str, delta_interval_ms: int) -> None:
    """Fields that Generate and Chat share."""
    if len(request_id.encode()) > 128:
        raise InvalidInput("request_id", "must be at most 128 bytes")
    within("priority", priority, -100, 100)
    within("delta_interval_ms", delta_interval_ms, 0, 60_000)
    if lora:
        check_name("lora", lora)
