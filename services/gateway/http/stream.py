"""Server-sent events as OpenAI sends them: JSON in data lines, [DONE] at the end, errors as a last event."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from gateway.http.caller import unless_gone
from gateway.http.errors import failure

GATHERED_MS = 1000  # whoever waits for the whole answer needs no delta for each token
# From one comment to the next: what stands between may close a connection on which nothing comes.
QUIET_S = 15.0
Event = tuple[str | None, dict[str, Any]]  # its name, if it has one, and its data
_HEADERS = {"cache-control": "no-store", "connection": "keep-alive", "x-accel-buffering": "no"}


class EventStream(Response):
    """Sends events as they come, and comments beside them, until they end or the client goes."""

    media_type = "text/event-stream"

    def __init__(self, first: Event | None, rest: AsyncGenerator[Event, None], *, done: bool) -> None:
        self.status_code, self.background = 200, None  # as Starlette's own streams begin, which know no body
        self.init_headers(_HEADERS)
        self._first = first
        self._rest = rest
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        comments = asyncio.create_task(_comment(send))
        try:
            async with aclosing(self._rest):
                with suppress(ClientDisconnect):
                    await unless_gone(Request(scope, receive), self._say(send))
        finally:
            comments.cancel()

    async def _say(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        event, last = self._first, b"data: [DONE]\n\n" if self._done else b""
        while event is not None:
            await send(_part(_line(event)))
            try:
                event = await anext(self._rest, None)
            except Exception as error:  # the response has begun: this is all that can still be said
                event, last = None, _line((None, failure(error)[2]))
        await send(_part(last, more=False))


async def respond(events: AsyncGenerator[Event, None], *, done: bool = True) -> EventStream:
    """Stream events. What fails before the first becomes a plain error response: it is raised here."""
    return EventStream(await anext(events, None), events, done=done)


async def _comment(send: Send) -> None:
    while True:
        await asyncio.sleep(QUIET_S)
        await send(_part(b": ping\n\n"))


def _part(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _line(event: Event) -> bytes:
    name, data = event
    head = b"data: " if name is None else b"event: %b\ndata: " % name.encode()
    return head + to_json(data) + b"\n\n"  # which leaves no line break unescaped
