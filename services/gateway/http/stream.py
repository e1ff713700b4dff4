"""Server-sent events as OpenAI sends them: JSON in data lines, [DONE] at the end, errors as a last event."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from sse_starlette import EventSourceResponse

from gateway.http.errors import failure

GATHERED_MS = 1000  # whoever waits for the whole answer needs no delta for each token
Event = tuple[str | None, dict[str, Any]]  # its name, if it has one, and its data


async def respond(events: AsyncGenerator[Event, None], *, done: bool = True) -> EventSourceResponse:
    """Stream events. What fails before the first becomes a plain error response: it is raised here."""
    first = await anext(events, None)
    return EventSourceResponse(_lines(first, events, done), sep="\n", ping=15)


async def _lines(
    first: Event | None, events: AsyncGenerator[Event, None], done: bool
) -> AsyncIterator[dict[str, str]]:
    async with aclosing(events):
        try:
            if first is not None:
                yield _line(first)
            async for event in events:
                yield _line(event)
        except Exception as error:  # the response has begun: this is all that can still be said
            yield {"data": json.dumps(failure(error)[2])}
            return
    if done:
        yield {"data": "[DONE]"}


def _line(event: Event) -> dict[str, str]:
    name, data = event
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return {"data": text} if name is None else {"event": name, "data": text}
