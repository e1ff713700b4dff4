"""POST /v1/chat/completions."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from serving.errors import InvalidInput

from gateway.backends import TextBackend
from gateway.domain.text import (
    ChatMessage,
    ChatRequest,
    GenerationDelta,
    GenerationFinished,
    GenerationStarted,
    Role,
)
from gateway.http.answers import ChatCompletion
from gateway.http.caller import unless_gone
from gateway.http.openapi import answered
from gateway.http.sampling import chat_logprob, sampling, structured, usage_body
from gateway.http.schemas import ChatBody, Message
from gateway.http.stream import GATHERED_MS, Event, respond
from gateway.http.tools import call_bodies, calls_of, choice_of, piece_body, tools_of


def chat_routes(text: TextBackend) -> APIRouter:
    """The route over a text backend."""
    router = APIRouter()

    @router.post(
        "/v1/chat/completions",
        response_model=None,
        responses=answered(ChatCompletion, streamed="data is a chat.completion.chunk, the last is [DONE]"),
    )
    async def create_chat_completion(request: Request, body: ChatBody) -> Response:
        """Answer a conversation."""
        chat = _request(body, request.state.request_id)
        if body.stream:
            return await unless_gone(request, respond(_chunks(text, chat, body)))
        return JSONResponse(await unless_gone(request, _whole(text, chat)))

    return router


def _request(body: ChatBody, request_id: str) -> ChatRequest:
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise InvalidInput("max_tokens", "must not be set together with max_completion_tokens")
    if body.top_logprobs is not None and not body.logprobs:
        raise InvalidInput("top_logprobs", "needs logprobs to be true")
    return ChatRequest(
        model=body.model,
        messages=tuple(_message(item, place) for place, item in enumerate(body.messages)),
        sampling=sampling(
            body,
            max_tokens=body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens,
            logprobs=(body.top_logprobs or 0) if body.logprobs else None,
            structured_output=structured(body.response_format),
        ),
        request_id=request_id,
        tools=tools_of(body),
        tool_choice=choice_of(body),
        parallel_tool_calls=body.parallel_tool_calls,
        delta_interval_ms=None if body.stream else GATHERED_MS,
        lora=body.lora,
    )


def _message(message: Message, place: int) -> ChatMessage:
    role = Role.SYSTEM if message.role == "developer" else Role(message.role)
    if message.content is None and not message.tool_calls:
        raise InvalidInput(f"messages[{place}].content", "must be set")
    content = message.content or ""
    if not isinstance(content, str):
        content = "".join(part.text for part in content)
    return ChatMessage(role, content, calls_of(message), message.tool_call_id or "")


async def _whole(text: TextBackend, chat: ChatRequest) -> dict[str, Any]:
    started, pieces, created = None, dict[int, list[GenerationDelta]](), int(time.time())
    async with aclosing(text.chat(chat)) as events:
        async for event in events:
            match event:
                case GenerationStarted():
                    started = event
                case GenerationDelta():
                    pieces.setdefault(event.index, []).append(event)
                case GenerationFinished():
                    assert started is not None
                    head = _head(started, created, "chat.completion")
                    choices = [
                        _choice(item.index, item.finish_reason, pieces.get(item.index, []), chat)
                        for item in event.sequences
                    ]
                    return {**head, "choices": choices, "usage": usage_body(event.usage)}
    raise AssertionError("a backend's stream ends in its finished event")


def _choice(index: int, reason: str, deltas: list[GenerationDelta], chat: ChatRequest) -> dict[str, Any]:
    content = "".join(delta.text for delta in deltas)
    logprobs = None
    if chat.sampling.logprobs is not None:
        entries = [chat_logprob(entry) for delta in deltas for entry in delta.logprobs]
        logprobs = {"content": entries, "refusal": None}
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if calls := call_bodies(piece for delta in deltas for piece in delta.tool_calls):
        message |= {"content": content or None, "tool_calls": calls}
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason}


async def _chunks(text: TextBackend, chat: ChatRequest, body: ChatBody) -> AsyncGenerator[Event, None]:
    head: dict[str, Any] = {}
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    blank = {"usage": None} if with_usage else {}
    async with aclosing(text.chat(chat)) as events:
        async for event in events:
            match event:
                case GenerationStarted():
                    head = _head(event, int(time.time()), "chat.completion.chunk")
                    for index in range(body.n or 1):
                        yield (
                            None,
                            {
                                **head,
                                **blank,
                                "choices": [_delta(index, {"role": "assistant", "content": ""})],
                            },
                        )
                case GenerationDelta() if event.text or event.logprobs or event.tool_calls:
                    choice = _delta(event.index, _more(event))
                    if event.logprobs:
                        choice["logprobs"] = {"content": [chat_logprob(entry) for entry in event.logprobs]}
                    yield None, {**head, **blank, "choices": [choice]}
                case GenerationFinished():
                    for item in event.sequences:
                        yield None, {**head, **blank, "choices": [_delta(item.index, {}, item.finish_reason)]}
                    if with_usage:
                        yield None, {**head, "choices": [], "usage": usage_body(event.usage)}


def _more(delta: GenerationDelta) -> dict[str, Any]:
    if not delta.tool_calls:
        return {"content": delta.text}
    calls = {"tool_calls": [piece_body(piece) for piece in delta.tool_calls]}
    return {"content": delta.text, **calls} if delta.text else calls


def _delta(index: int, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}


def _head(started: GenerationStarted, created: int, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{started.request_id}",
        "object": kind,
        "created": created,
        "model": started.model,
    }
