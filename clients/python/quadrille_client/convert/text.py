"""Text messages."""

from collections.abc import Sequence
from typing import Any

from quadrille.image.v1 import adapters_pb2 as image_adapters_pb2
from quadrille.text.v1 import adapters_pb2
from quadrille.text.v1 import text_pb2 as pb

from quadrille_client.convert import tools
from quadrille_client.convert.enums import value, word
from quadrille_client.types import text as types

STRUCTURED = ("json_schema", "regex", "grammar")


def sampling(options: types.Sampling | dict[str, Any]) -> pb.SamplingParameters:
    """Sampling options; raises TypeError for an unknown one, so that no option is dropped silently."""
    given: dict[str, Any] = dict(options)
    structured: dict[str, Any] = {name: given.pop(name) for name in STRUCTURED if name in given}
    if "choice" in given:
        structured["choice"] = pb.ChoiceList(choices=given.pop("choice"))
    if unknown := set(given) - set(types.Sampling.__annotations__):
        raise TypeError(f"unknown sampling options: {', '.join(sorted(unknown))}")
    if structured:
        given["structured_output"] = pb.StructuredOutput(**structured)
    return pb.SamplingParameters(**given)


def prompt(source: str | Sequence[int]) -> pb.Prompt:
    """A prompt of text or of token ids."""
    if isinstance(source, str):
        return pb.Prompt(text=source)
    return pb.Prompt(token_ids=pb.TokenIds(ids=source))


def messages(turns: str | Sequence[types.Message]) -> list[pb.ChatMessage]:
    """Turns of a conversation; a string is one turn of the user's."""
    if isinstance(turns, str):
        turns = [{"role": "user", "content": turns}]
    return [
        pb.ChatMessage(
            role=value(pb.Role, turn["role"], "role"),
            content=turn.get("content", ""),
            tool_calls=[tools.call(item) for item in turn.get("tool_calls", ())],
            tool_call_id=turn.get("tool_call_id", ""),
        )
        for turn in turns
    ]


def event(
    message: pb.GenerateResponse | pb.ChatResponse,
) -> types.Started | types.PromptLogprobs | types.Delta | types.Finished | None:
    """One event of a generation; None for a kind newer than this client."""
    kind = message.WhichOneof("event")
    if kind == "started":
        started = message.started
        return types.Started(started.request_id, started.model, started.prompt_token_count, started.seed)
    if kind == "prompt":
        return types.PromptLogprobs(logprobs(message.prompt.logprobs))
    if kind == "delta":
        delta = message.delta
        return types.Delta(
            delta.index,
            delta.text,
            tuple(delta.token_ids),
            logprobs(delta.logprobs),
            tools.deltas(delta.tool_calls),
        )
    if kind == "finished":
        ends = tuple(
            types.SequenceEnd(
                item.index,
                word(pb.FinishReason, item.finish_reason),
                item.stop if item.HasField("stop") else None,
                item.cumulative_logprob,
            )
            for item in message.finished.sequences
        )
        return types.Finished(ends, usage(message.finished.usage), timings(message.finished.timings))
    return None


def logprobs(items: Sequence[pb.TokenLogprob]) -> tuple[types.TokenLogprob, ...]:
    """Log-probabilities of tokens."""
    return tuple(types.TokenLogprob(i.token_id, i.token, i.logprob, logprobs(i.top)) for i in items)


def usage(message: pb.Usage) -> types.Usage:
    """Counts of tokens."""
    return types.Usage(
        message.prompt_token_count, message.completion_token_count, message.cached_prompt_token_count
    )


def timings(message: pb.Timings) -> types.TextTimings:
    """Times of phases."""
    energy = message.energy_joules if message.HasField("energy_joules") else None
    return types.TextTimings(
        message.queue_ms, message.prefill_ms, message.decode_ms, message.device_ms, energy
    )


def score(message: pb.ContinuationScore) -> types.ContinuationScore:
    """A likelihood."""
    return types.ContinuationScore(
        message.logprob,
        message.token_count,
        message.perplexity,
        message.bits_per_byte,
        logprobs(message.tokens),
    )


def model(message: pb.Model) -> types.TextModel:
    """A loaded model."""
    return types.TextModel(
        id=message.id,
        architecture=message.architecture,
        capabilities=tuple(word(pb.Capability, item) for item in message.capabilities),
        context_length=message.context_length,
        vocabulary_size=message.vocabulary_size,
        embedding_dimension=message.embedding_dimension if message.HasField("embedding_dimension") else None,
        parameter_count=message.parameter_count,
        dtype=message.dtype,
        device=message.device,
        engine=message.engine,
        engine_reason=message.engine_reason,
        stamp=message.stamp,
        mask_token=message.mask_token if message.HasField("mask_token") else None,
        loras=tuple(message.loras),
    )


def lora(message: adapters_pb2.LoadLoraResponse | image_adapters_pb2.LoadLoraResponse) -> types.Lora:
    """A loaded adapter."""
    return types.Lora(message.model, message.name, message.rank, message.size_bytes, message.sha256)
