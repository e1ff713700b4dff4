"""A task in vLLM's terms, and its limits: pure functions that need no vLLM.

vLLM samples; text is ours. So it gets token ids and gives token ids, and stop strings, end tokens of a caller's
choice and the text itself are found by the same `SequenceState` that the embedded engine uses.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from serving.errors import InvalidInput

from textgen.domain import GenerationTask, Sampling, StructuredKind, StructuredOutput, Timings
from textgen.models.base import Sampled
from textgen.structured import grammar_of

# Counts that vLLM keeps in tensors of a fixed width; longer lists have ended its process.
MAX_STOP_TOKEN_IDS = 128
MAX_LOGIT_BIAS = 1024
MAX_LOGPROBS = 20
MAX_TEMPERATURE = 2.0
# Between 0 and this, vLLM warns at each request and raises the temperature itself.
MIN_TEMPERATURE = 0.01


def check(sampling: Sampling) -> None:
    """InvalidInput for what the contract allows and vLLM does not take; before it sees any of it."""
    if sampling.temperature > MAX_TEMPERATURE:
        raise InvalidInput(
            "sampling.temperature", f"must be at most {MAX_TEMPERATURE:g}: vLLM runs this model"
        )
    if len(sampling.logit_bias) > MAX_LOGIT_BIAS:
        raise InvalidInput("sampling.logit_bias", f"must have at most {MAX_LOGIT_BIAS} entries")
    for name in ("logprobs", "prompt_logprobs"):
        if (getattr(sampling, name) or 0) > MAX_LOGPROBS:
            raise InvalidInput(f"sampling.{name}", f"must be at most {MAX_LOGPROBS}")


def stop_ids(sampling: Sampling, end_ids: frozenset[int]) -> list[int]:
    """Tokens that end a sequence, the model's own first unless the request ignores them."""
    ends = frozenset() if sampling.ignore_eos else end_ids
    return [*sorted(ends), *sorted(sampling.stop_token_ids - ends)]


def arguments(task: GenerationTask, index: int, end_ids: frozenset[int]) -> dict[str, Any]:
    """Arguments of vLLM's SamplingParams for sequence `index` of a task, which is a request of its own there.

    The log-probability of each chosen token is always asked for: the contract sums it up. Those of the prompt are
    the first sequence's matter.
    """
    rules = task.sampling
    temperature = rules.temperature if rules.temperature == 0 else max(rules.temperature, MIN_TEMPERATURE)
    return {
        "n": 1,
        "temperature": temperature,
        "top_p": rules.top_p,
        "top_k": rules.top_k,
        "min_p": rules.min_p,
        "frequency_penalty": rules.frequency_penalty,
        "presence_penalty": rules.presence_penalty,
        "repetition_penalty": rules.repetition_penalty,
        "seed": None if temperature == 0 else task.seed + index,  # a seed takes vLLM off its fastest path
        "max_tokens": task.max_tokens,
        "logprobs": rules.logprobs or 0,
        "prompt_logprobs": rules.prompt_logprobs if index == 0 else None,
        "logit_bias": dict(rules.logit_bias) or None,
        # Those beyond its limit end the sequence here, and then there.
        "stop_token_ids": stop_ids(rules, end_ids)[:MAX_STOP_TOKEN_IDS],
        "ignore_eos": True,  # the end tokens are among the stop tokens, when they count
        "detokenize": False,
    }


def score_arguments(target: int) -> dict[str, Any]:
    """Arguments that read a prompt's log-probabilities, and that of one token after it, by forcing the token."""
    return {
        "n": 1,
        "temperature": 0.0,
        "max_tokens": 1,
        "logprobs": 0,
        "prompt_logprobs": 0,
        "allowed_token_ids": [target],
        "ignore_eos": True,
        "detokenize": False,
    }


def priority(task: GenerationTask) -> int:
    """vLLM serves the lowest first, the contract the highest."""
    return -task.priority


def structured_arguments(spec: StructuredOutput) -> dict[str, str]:
    """Arguments of vLLM's StructuredOutputsParams that describe exactly the language of our own grammar.

    vLLM hands them to llguidance, as we do; it would take a Lark grammar for GBNF unless it begins as one does.
    """
    if spec.kind is StructuredKind.REGEX:
        return {"regex": spec.value}
    grammar = grammar_of(spec)
    if spec.kind is StructuredKind.JSON_SCHEMA:
        return {"json": json.dumps(json.loads(grammar)["grammars"][0]["json_schema"], ensure_ascii=False)}
    return {"grammar": grammar if "%llguidance" in grammar else "%llguidance {}\n" + grammar}


class Stamps(Protocol):
    """What vLLM measures of a request, in seconds on its process's monotonic clock."""

    queued_ts: float
    scheduled_ts: float
    first_token_ts: float
    last_token_ts: float


def timings(stamps: Sequence[Stamps], *, before_s: float) -> Timings:
    """Times of a request from those of its sequences; before_s is the time before vLLM had it.

    Device time is the wall time of its passes, shared with its batch, which vLLM does not tell apart.
    """
    if not stamps:
        return Timings(queue_ms=before_s * 1e3)
    queued = min(each.queued_ts for each in stamps)
    scheduled = min(each.scheduled_ts for each in stamps)
    first = min(each.first_token_ts for each in stamps)
    last = max(each.last_token_ts for each in stamps)
    return Timings(
        queue_ms=(before_s + max(0.0, scheduled - queued)) * 1e3,
        prefill_ms=max(0.0, first - scheduled) * 1e3,
        decode_ms=max(0.0, last - first) * 1e3,
        device_ms=max(0.0, last - scheduled) * 1e3,
    )


def prompt_tokens(
    prompt: Sequence[int], found: Sequence[Mapping[int, Any] | None], top: int
) -> list[Sampled]:
    """Of each token of a prompt but the first its log-probability, and the `top` likeliest, out of what vLLM says."""
    places = zip(prompt[1:], found[1:], strict=True)
    return [
        Sampled(token, float(entries[token].logprob), ranked(entries, top))
        for token, entries in places
        if entries is not None
    ]


def ranked(entries: Mapping[int, Any], count: int) -> tuple[tuple[int, float], ...]:
    """The likeliest tokens of one place, best first; vLLM adds the chosen one when it is not among them."""
    best = sorted(entries.items(), key=lambda item: (item[1].rank, -item[1].logprob))[:count]
    return tuple((token_id, float(entry.logprob)) for token_id, entry in best)
