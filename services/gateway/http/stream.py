"""Server-sent events as OpenAI sends them: JSON in data lines, [DONE] at the end, errors as a last event."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from sse_starlette import EventSourceResponse

from gateway.http.errors import failure

GATHERED_MS = 1000  # whoever waits for the whole answer needs no delta for each token
Event = tuple[str | None, dict[str, Any]]  # its name, if it has one, and its data
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # which leaves no line break unescaped


async def respond(events: AsyncGenerator[Event, None], *, done: bool = True) -> EventSourceResponse:
    """Stream events. What fails before the first becomes a plain error response: it is raised here."""
    first = await anext(events, None)
    return EventSourceResponse(_lines(first, events, done), sep="\n", ping=15)


async def _lines(
    first: Event | None, events: AsyncGenerator[Event, None], done: bool
) -> AsyncIterator[bytes]:
    async with aclosing(events):
        try:
            if first is not None:
                yield _line(first)
            async for event in events:
                yield _line(event)
        except Exception as error:  # the response has begun: this is all that can still be said
            yield _line((None, failure(error)[2]))
            return
    if done:
        yield b"data: [DONE]\n\n"


def _line(event: Event) -> bytes:
    name, data = event
    head = "" if name is None else f"event: {name}\n"
    return f"{head}data: {_JSON.encode(data)}\n\n".encode()
