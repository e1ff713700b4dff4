"""What a call's span says of the model: OpenTelemetry's conventions for generative AI, without any prompt or answer.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/; the operations that they do not name say nothing.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from opentelemetry.trace import Span, get_current_span

from textgen.domain import (
    ChatRequest,
    Delta,
    EmbedRequest,
    Finished,
    GenerateRequest,
    GenerationEvent,
    Sampling,
    Started,
    Usage,
)


async def generation(
    operation: str,
    request: GenerateRequest | ChatRequest,
    events: AsyncGenerator[GenerationEvent, None],
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[GenerationEvent, None]:
    """The events as they are; what they and the request say is told to the current span. clock is in seconds."""
    span, began, waits = get_current_span(), clock(), True
    _asked(span, operation, request.model)
    _sampling(span, request.sampling)
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Started):
                span.set_attribute("gen_ai.response.id", event.request_id)
                span.set_attribute("gen_ai.response.model", event.model)
            elif isinstance(event, Delta) and waits:
                waits = False
                span.set_attribute("gen_ai.response.time_to_first_chunk", clock() - began)
            elif isinstance(event, Finished):
                reasons = [each.finish_reason.value for each in event.sequences]
                span.set_attribute("gen_ai.response.finish_reasons", reasons)
                _used(span, event.usage)
                span.set_attribute("gen_ai.usage.output_tokens", event.usage.completion_token_count)
            yield event


def embeddings(request: EmbedRequest, model: str, dimension: int, usage: Usage) -> None:
    """Tell the current span of vectors that were made by a model."""
    span = get_current_span()
    _asked(span, "embeddings", request.model)
    span.set_attribute("gen_ai.response.model", model)
    span.set_attribute("gen_ai.embeddings.dimension.count", dimension)
    _used(span, usage)


def _asked(span: Span, operation: str, model: str) -> None:
    span.set_attribute("gen_ai.operation.name", operation)
    span.set_attribute("gen_ai.provider.name", "quadrille")
    if model:
        span.set_attribute("gen_ai.request.model", model)


def _sampling(span: Span, sampling: Sampling) -> None:
    names = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
    given = {name: getattr(sampling, name) for name in names}
    given |= {"max_tokens": sampling.max_tokens, "seed": sampling.seed, "choice.count": sampling.n}
    given |= {"stop_sequences": sampling.stop or None}
    for name, value in given.items():
        if value is not None:
            span.set_attribute(f"gen_ai.request.{name}", value)


def _used(span: Span, usage: Usage) -> None:
    span.set_attribute("gen_ai.usage.input_tokens", usage.prompt_token_count)
    if usage.cached_prompt_token_count:
        span.set_attribute("gen_ai.usage.cache_read.input_tokens", usage.cached_prompt_token_count)
