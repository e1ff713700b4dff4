"""Text messages, both ways."""

from typing import Any

from quadrille.text.v1 import text_pb2
from serving.errors import InvalidInput

from gateway.convert import tools
from gateway.domain import text as domain

_SCALARS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "max_tokens",
    "n",
    "logprobs",
    "seed",
    "ignore_eos",
)
_ROLES = {
    text_pb2.ROLE_SYSTEM: domain.Role.SYSTEM,
    text_pb2.ROLE_USER: domain.Role.USER,
    text_pb2.ROLE_ASSISTANT: domain.Role.ASSISTANT,
}
_ROLES_TO_PROTO = {role: number for number, role in _ROLES.items()} | {domain.Role.TOOL: text_pb2.ROLE_TOOL}
_CAPABILITIES = {text_pb2.Capability.Value(f"CAPABILITY_{item.name}"): item for item in domain.TextCapability}


def message_from_proto(message: text_pb2.ChatMessage, field: str) -> domain.ChatMessage:
    """A turn of words alone; raises InvalidInput for another role, or for calls, naming them under `field`."""
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidInput(f"{field}.role", "must be system, user or assistant")
    if message.tool_calls:
        raise InvalidInput(f"{field}.tool_calls", "must be empty: no tools are called here")
    return domain.ChatMessage(role, message.content)


def sampling_from_proto(message: text_pb2.SamplingParameters) -> domain.Sampling:
    """What the client set; the rest stays None."""
    scalars: dict[str, Any] = {name: getattr(message, name) for name in _SCALARS if message.HasField(name)}  # type: ignore[arg-type]
    return domain.Sampling(
        **scalars,
        stop=tuple(message.stop),
        stop_token_ids=tuple(message.stop_token_ids),
        logit_bias=dict(message.logit_bias),
        structured_output=_structured(message.structured_output)
        if message.HasField("structured_output")
        else None,
    )


def sampling_to_proto(sampling: domain.Sampling) -> text_pb2.SamplingParameters:
    """The wire form, with only what is not None."""
    message = text_pb2.SamplingParameters(
        stop=sampling.stop, stop_token_ids=sampling.stop_token_ids, logit_bias=sampling.logit_bias
    )
    for name in _SCALARS:
        if (value := getattr(sampling, name)) is not None:
            setattr(message, name, value)
    if (structured := sampling.structured_output) is not None:
        if isinstance(structured.value, tuple):
            message.structured_output.choice.choices.extend(structured.value)
        else:
            setattr(message.structured_output, structured.kind, structured.value)
    return message


def chat_to_proto(request: domain.ChatRequest) -> text_pb2.ChatRequest:
    """The wire form of a chat request."""
    messages = [
        text_pb2.ChatMessage(
            role=_ROLES_TO_PROTO[turn.role],
            content=turn.content,
            tool_calls=[tools.call_to_proto(call) for call in turn.tool_calls],
            tool_call_id=turn.tool_call_id,
        )
        for turn in request.messages
    ]
    documents = [text_pb2.ChatDocument(title=item.title, text=item.text) for item in request.documents]
    return text_pb2.ChatRequest(
        model=request.model,
        messages=messages,
        sampling=sampling_to_proto(request.sampling),
        documents=documents,
        request_id=request.request_id,
        priority=request.priority,
        tools=[tools.tool_to_proto(tool) for tool in request.tools],
        tool_choice=tools.choice_to_proto(request.tool_choice),
        parallel_tool_calls=request.parallel_tool_calls,
        delta_interval_ms=request.delta_interval_ms,
        lora=request.lora,
    )


def generate_to_proto(request: domain.GenerateRequest) -> text_pb2.GenerateRequest:
    """The wire form of a generate request."""
    prompt = (
        text_pb2.Prompt(text=request.prompt)
        if isinstance(request.prompt, str)
        else text_pb2.Prompt(token_ids=text_pb2.TokenIds(ids=request.prompt))
    )
    return text_pb2.GenerateRequest(
        model=request.model,
        prompt=prompt,
        sampling=sampling_to_proto(request.sampling),
        request_id=request.request_id,
        priority=request.priority,
        delta_interval_ms=request.delta_interval_ms,
        lora=request.lora,
    )


def event_from_proto(
    message: text_pb2.GenerateResponse | text_pb2.ChatResponse,
) -> domain.GenerationEvent | None:
    """One event of a stream; None for a kind that this version does not know."""
    match message.WhichOneof("event"):
        case "started":
            started = message.started
            return domain.GenerationStarted(
                started.request_id, started.model, started.prompt_token_count, started.seed
            )
        case "delta":
            delta = message.delta
            logprobs = tuple(map(_logprob, delta.logprobs))
            calls = tools.deltas_from_proto(delta.tool_calls)
            return domain.GenerationDelta(delta.index, delta.text, tuple(delta.token_ids), logprobs, calls)
        case "finished":
            sequences = tuple(
                domain.SequenceResult(
                    item.index,
                    finish_reason(item.finish_reason),
                    item.stop if item.HasField("stop") else None,
                )
                for item in message.finished.sequences
            )
            return domain.GenerationFinished(
                sequences, usage(message.finished.usage), energy(message.finished.timings)
            )
        case _:
            return None


def finish_reason(value: int) -> domain.FinishReason:
    """Why a sequence ended."""
    match value:
        case text_pb2.FINISH_REASON_LENGTH:
            return domain.FinishReason.LENGTH
        case text_pb2.FINISH_REASON_TOOL_CALLS:
            return domain.FinishReason.TOOL_CALLS
        case _:
            return domain.FinishReason.STOP


def usage(message: text_pb2.Usage) -> domain.Usage:
    """Token counts."""
    return domain.Usage(
        message.prompt_token_count, message.completion_token_count, message.cached_prompt_token_count
    )


def energy(timings: text_pb2.Timings) -> float | None:
    """Joules of a request; None where they were not metered."""
    return timings.energy_joules if timings.HasField("energy_joules") else None


def model_from_proto(message: text_pb2.Model) -> domain.TextModel:
    """A loaded model; capabilities that this version does not know are left out."""
    return domain.TextModel(
        id=message.id,
        capabilities=frozenset(_CAPABILITIES[item] for item in message.capabilities if item in _CAPABILITIES),
        context_length=message.context_length,
        embedding_dimension=message.embedding_dimension if message.HasField("embedding_dimension") else None,
        stamp=message.stamp,
    )


def _logprob(message: text_pb2.TokenLogprob) -> domain.TokenLogprob:
    top = tuple(domain.TokenLogprob(item.token_id, item.token, item.logprob) for item in message.top)
    return domain.TokenLogprob(message.token_id, message.token, message.logprob, top)


def _structured(message: text_pb2.StructuredOutput) -> domain.StructuredOutput:
    kind = message.WhichOneof("kind")
    if kind is None:
        raise InvalidInput("sampling.structured_output.kind", "must be set")
    value = tuple(message.choice.choices) if kind == "choice" else getattr(message, kind)
    return domain.StructuredOutput(kind, value)
