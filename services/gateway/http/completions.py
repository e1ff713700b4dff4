"""POST /v1/completions."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import astuple
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from serving.errors import InvalidInput

from gateway.backends import TextBackend
from gateway.domain.text import (
    GenerateRequest,
    GenerationDelta,
    GenerationFinished,
    GenerationStarted,
    TokenLogprob,
    Usage,
)
from gateway.http.answers import Completion
from gateway.http.caller import unless_gone
from gateway.http.openapi import answered
from gateway.http.sampling import sampling, usage_body
from gateway.http.schemas import CompletionBody
from gateway.http.stream import GATHERED_MS, Event, respond

MAX_PROMPTS = 16


def completion_routes(text: TextBackend) -> APIRouter:
    """The route over a text backend."""
    router = APIRouter()

    @router.post(
        "/v1/completions",
        response_model=None,
        responses=answered(Completion, streamed="data is a text_completion, the last is [DONE]"),
    )
    async def create_completion(request: Request, body: CompletionBody) -> Response:
        """Continue prompts: texts, or tokens of the model's own vocabulary. Streams have one prompt."""
        requests = _requests(body, request.state.request_id)
        if body.stream:
            if len(requests) > 1:
                raise InvalidInput("prompt", "must be one prompt when streaming")
            return await unless_gone(request, respond(_chunks(text, requests[0], body)))
        return JSONResponse(await unless_gone(request, _whole(text, requests, request.state.request_id)))

    return router


def _requests(body: CompletionBody, request_id: str) -> list[GenerateRequest]:
    if body.best_of is not None and body.best_of != (body.n or 1):
        raise InvalidInput("best_of", "must be n: there is no ranking of hidden sequences")
    options = sampling(
        body, max_tokens=16 if body.max_tokens is None else body.max_tokens, logprobs=body.logprobs
    )
    prompts = _prompts(body.prompt)
    if not 1 <= len(prompts) <= MAX_PROMPTS:
        raise InvalidInput("prompt", f"must be 1 to {MAX_PROMPTS} prompts")
    return [
        GenerateRequest(
            body.model,
            prompt,
            options,
            request_id if len(prompts) == 1 else f"{request_id[:120]}-{place}",
            delta_interval_ms=None if body.stream else GATHERED_MS,
            lora=body.lora,
        )
        for place, prompt in enumerate(prompts)
    ]


def _prompts(prompt: str | list[str] | list[int] | list[list[int]]) -> list[str | tuple[int, ...]]:
    if isinstance(prompt, str):
        return [prompt]
    if prompt and all(isinstance(item, int) for item in prompt):
        return [tuple(item for item in prompt if isinstance(item, int))]
    return [tuple(item) if isinstance(item, list) else str(item) for item in prompt]


async def _whole(text: TextBackend, requests: list[GenerateRequest], request_id: str) -> dict[str, Any]:
    tasks: list[asyncio.Task[Any]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_collect(text, item)) for item in requests]
    except ExceptionGroup as failed:  # one prompt's failure is the request's
        raise failed.exceptions[0] from None
    results = [task.result() for task in tasks]
    choices = [choice for choices, _, _ in results for choice in choices]
    usage = Usage(*(sum(counts) for counts in zip(*(astuple(item[1]) for item in results), strict=True)))
    return {
        "id": f"cmpl-{request_id}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": results[0][2],
        "choices": [{**choice, "index": place} for place, choice in enumerate(choices)],
        "usage": usage_body(usage),
    }


async def _collect(text: TextBackend, request: GenerateRequest) -> tuple[list[dict[str, Any]], Usage, str]:
    pieces: dict[int, list[GenerationDelta]] = {}
    model = ""
    async with aclosing(text.generate(request)) as events:
        async for event in events:
            match event:
                case GenerationStarted():
                    model = event.model
                case GenerationDelta():
                    pieces.setdefault(event.index, []).append(event)
                case GenerationFinished(sequences, usage):
                    choices = [
                        _choice(pieces.get(item.index, []), item.finish_reason, request) for item in sequences
                    ]
                    return choices, usage, model
    raise AssertionError("a backend's stream ends in its finished event")


def _choice(deltas: list[GenerationDelta], reason: str, request: GenerateRequest) -> dict[str, Any]:
    entries = [entry for delta in deltas for entry in delta.logprobs]
    logprobs = None if request.sampling.logprobs is None else _logprobs(entries, 0)
    return {"text": "".join(delta.text for delta in deltas), "logprobs": logprobs, "finish_reason": reason}


async def _chunks(
    text: TextBackend, request: GenerateRequest, body: CompletionBody
) -> AsyncGenerator[Event, None]:
    head: dict[str, Any] = {}
    offsets: dict[int, int] = {}
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    blank = {"usage": None} if with_usage else {}
    async with aclosing(text.generate(request)) as events:
        async for event in events:
            match event:
                case GenerationStarted(request_id, model):
                    head = {
                        "id": f"cmpl-{request_id}",
                        "object": "text_completion",
                        "created": int(time.time()),
                    }
                    head["model"] = model
                case GenerationDelta() if event.text or event.logprobs:
                    logprobs = (
                        _logprobs(list(event.logprobs), offsets.get(event.index, 0))
                        if event.logprobs
                        else None
                    )
                    offsets[event.index] = offsets.get(event.index, 0) + len(event.text)
                    yield None, {**head, **blank, "choices": [_part(event.index, event.text, None, logprobs)]}
                case GenerationFinished(sequences, usage):
                    for item in sequences:
                        yield (
                            None,
                            {**head, **blank, "choices": [_part(item.index, "", item.finish_reason, None)]},
                        )
                    if with_usage:
                        yield None, {**head, "choices": [], "usage": usage_body(usage)}


def _part(index: int, text: str, reason: str | None, logprobs: dict[str, Any] | None) -> dict[str, Any]:
    return {"index": index, "text": text, "finish_reason": reason, "logprobs": logprobs}


def _logprobs(entries: list[TokenLogprob], offset: int) -> dict[str, Any]:
    offsets = []
    for entry in entries:
        offsets.append(offset)
        offset += len(entry.token)
    return {
        "tokens": [entry.token for entry in entries],
        "token_logprobs": [entry.logprob for entry in entries],
        "top_logprobs": [{item.token: item.logprob for item in entry.top} for entry in entries],
        "text_offset": offsets,
    }
