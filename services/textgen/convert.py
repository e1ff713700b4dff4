"""Protobuf to domain and back."""

import math
from collections.abc import Sequence
from typing import Any

from quadrille.text.v1 import adapters_pb2, tools_pb2
from quadrille.text.v1 import text_pb2 as pb
from serving.errors import InvalidInput
from serving.loras import Adapter

from textgen import domain
from textgen.tools.calls import Tool, ToolCall, ToolChoice, ToolMode

_ROLES = {
    pb.ROLE_SYSTEM: domain.Role.SYSTEM,
    pb.ROLE_USER: domain.Role.USER,
    pb.ROLE_ASSISTANT: domain.Role.ASSISTANT,
    pb.ROLE_TOOL: domain.Role.TOOL,
}
_TOOL_MODES = {
    tools_pb2.TOOL_CHOICE_MODE_AUTO: ToolMode.AUTO,
    tools_pb2.TOOL_CHOICE_MODE_NONE: ToolMode.NONE,
    tools_pb2.TOOL_CHOICE_MODE_REQUIRED: ToolMode.REQUIRED,
}
_REASONS = {
    domain.FinishReason.STOP: pb.FINISH_REASON_STOP,
    domain.FinishReason.LENGTH: pb.FINISH_REASON_LENGTH,
    domain.FinishReason.TOOL_CALLS: pb.FINISH_REASON_TOOL_CALLS,
}
_SCALARS = (
    *(
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "frequency_penalty",
        "presence_penalty",
        "repetition_penalty",
    ),
    *("max_tokens", "n", "logprobs", "prompt_logprobs", "seed", "ignore_eos"),
)


def sampling(message: pb.SamplingParameters) -> domain.Sampling:
    """Sampling parameters; what is absent takes the contract's default."""
    present: Any = message.HasField  # its type lists every name it takes
    given: dict[str, Any] = {name: getattr(message, name) for name in _SCALARS if present(name)}
    return domain.Sampling(
        **given,
        stop=tuple(message.stop),
        stop_token_ids=frozenset(message.stop_token_ids),
        logit_bias=dict(message.logit_bias),
        structured_output=_structured(message) if message.HasField("structured_output") else None,
    )


def _structured(message: pb.SamplingParameters) -> domain.StructuredOutput:
    structured = message.structured_output
    kind = structured.WhichOneof("kind")
    if kind is None:
        raise InvalidInput("sampling.structured_output", "must have one kind set")
    if kind == "choice":
        return domain.StructuredOutput(domain.StructuredKind.CHOICE, choices=tuple(structured.choice.choices))
    return domain.StructuredOutput(domain.StructuredKind(kind), getattr(structured, kind))


def prompt(message: pb.Prompt) -> domain.Prompt:
    """A prompt; InvalidInput unless one form is set."""
    form = message.WhichOneof("form")
    if form is None:
        raise InvalidInput("prompt", "must be text or token_ids")
    if form == "text":
        return domain.Prompt(text=message.text)
    return domain.Prompt(token_ids=tuple(message.token_ids.ids))


def generate_request(message: pb.GenerateRequest) -> domain.GenerateRequest:
    """A request to continue a prompt."""
    return domain.GenerateRequest(
        model=message.model,
        prompt=prompt(message.prompt),
        sampling=sampling(message.sampling),
        request_id=message.request_id,
        priority=message.priority,
        lora=message.lora,
        delta_interval_ms=message.delta_interval_ms,
    )


def chat_request(message: pb.ChatRequest) -> domain.ChatRequest:
    """A conversation to continue."""
    turns = []
    for place, turn in enumerate(message.messages):
        if turn.role not in _ROLES:
            raise InvalidInput(f"messages[{place}].role", "must be system, user, assistant or tool")
        calls = tuple(ToolCall(call.id, call.name, call.arguments) for call in turn.tool_calls)
        turns.append(domain.ChatMessage(_ROLES[turn.role], turn.content, calls, turn.tool_call_id))
    return domain.ChatRequest(
        model=message.model,
        messages=tuple(turns),
        documents=tuple(domain.ChatDocument(item.title, item.text) for item in message.documents),
        sampling=sampling(message.sampling),
        request_id=message.request_id,
        priority=message.priority,
        lora=message.lora,
        delta_interval_ms=message.delta_interval_ms,
        tools=tuple(Tool(tool.name, tool.description, tool.parameters) for tool in message.tools),
        tool_choice=_tool_choice(message.tool_choice) if message.HasField("tool_choice") else ToolChoice(),
        parallel_tool_calls=message.parallel_tool_calls if message.HasField("parallel_tool_calls") else True,
    )


def _tool_choice(choice: tools_pb2.ToolChoice) -> ToolChoice:
    match choice.WhichOneof("kind"):
        case "name":
            return ToolChoice(ToolMode.NAMED, choice.name)
        case "mode" if choice.mode in _TOOL_MODES:
            return ToolChoice(_TOOL_MODES[choice.mode])
        case "mode":
            raise InvalidInput("tool_choice.mode", "must be auto, none or required")
        case _:
            raise InvalidInput("tool_choice", "must have one kind set")


def event(item: domain.GenerationEvent, number: int) -> dict[str, Any]:
    """One event as the field of GenerateResponse or ChatResponse that it sets; `number` counts deltas."""
    if isinstance(item, domain.Started):
        started = pb.GenerationStarted(
            request_id=item.request_id,
            model=item.model,
            prompt_token_count=item.prompt_token_count,
            seed=item.seed,
        )
        return {"started": started}
    if isinstance(item, domain.PromptLogprobs):
        return {"prompt": pb.GenerationPrompt(logprobs=[logprob(entry) for entry in item.tokens])}
    if isinstance(item, domain.Delta):
        delta = pb.GenerationDelta(
            index=item.index,
            text=item.text,
            token_ids=item.token_ids,
            logprobs=[logprob(entry) for entry in item.logprobs],
            sequence_number=number,
            tool_calls=[
                tools_pb2.ToolCallDelta(
                    index=call.index, id=call.id, name=call.name, arguments=call.arguments
                )
                for call in item.tool_calls
            ],
        )
        return {"delta": delta}
    results = [
        pb.SequenceResult(
            index=each.index,
            finish_reason=_REASONS[each.finish_reason],
            stop=each.stop,
            cumulative_logprob=each.cumulative_logprob,
        )
        for each in item.sequences
    ]
    finished = pb.GenerationFinished(
        sequences=results, usage=usage(item.usage), timings=timings(item.timings)
    )
    return {"finished": finished}


def logprob(entry: domain.TokenLogprob) -> pb.TokenLogprob:
    """A token's log-probability."""
    top = [logprob(other) for other in entry.top]
    return pb.TokenLogprob(token_id=entry.token_id, token=entry.token, logprob=entry.logprob, top=top)


def usage(counts: domain.Usage) -> pb.Usage:
    """Token counts."""
    return pb.Usage(
        prompt_token_count=counts.prompt_token_count,
        completion_token_count=counts.completion_token_count,
        cached_prompt_token_count=counts.cached_prompt_token_count,
    )


def timings(times: domain.Timings) -> pb.Timings:
    """Times of phases."""
    return pb.Timings(
        queue_ms=times.queue_ms,
        prefill_ms=times.prefill_ms,
        decode_ms=times.decode_ms,
        device_ms=times.device_ms,
        energy_joules=times.energy_joules,
    )


def answered(facts: domain.Answered) -> dict[str, Any]:
    """The fields that unary answers share."""
    return {"model": facts.model, "usage": usage(facts.usage), "timings": timings(facts.timings)}


def score(item: domain.ContinuationScore, *, details: bool) -> pb.ContinuationScore:
    """A likelihood: nats, perplexity exp(-l / tokens), bits per byte -l / ln 2 / bytes."""
    total = math.fsum(token.logprob for token in item.tokens)
    count = len(item.tokens)
    return pb.ContinuationScore(
        logprob=total,
        token_count=count,
        perplexity=math.exp(min(-total / count, 700.0)) if count else 1.0,
        bits_per_byte=-total / math.log(2) / item.byte_count,
        tokens=[logprob(token) for token in item.tokens] if details else (),
    )


def tokens(spans: Sequence[domain.TokenSpan]) -> list[pb.Token]:
    """Tokens with the bytes that they cover."""
    return [pb.Token(id=s.token_id, text=s.text, start_byte=s.start_byte, end_byte=s.end_byte) for s in spans]


def model(info: domain.ModelInfo) -> pb.Model:
    """A model's facts."""
    return pb.Model(
        id=info.id,
        architecture=info.architecture,
        capabilities=sorted(pb.Capability.Value(f"CAPABILITY_{item.name}") for item in info.capabilities),
        context_length=info.context_length,
        vocabulary_size=info.vocabulary_size,
        embedding_dimension=info.embedding_dimension,
        parameter_count=info.parameter_count,
        dtype=info.dtype,
        device=info.device,
        engine=info.engine,
        engine_reason=info.engine_reason,
        stamp=info.stamp,
        mask_token=info.mask_token,
        loras=info.loras,
    )


def lora(model_id: str, adapter: Adapter) -> adapters_pb2.LoadLoraResponse:
    """An adapter's facts."""
    return adapters_pb2.LoadLoraResponse(
        model=model_id,
        name=adapter.name,
        rank=adapter.rank,
        size_bytes=adapter.size_bytes,
        sha256=adapter.sha256,
    )
