"""Named requests over HTTP: a POST with an `Idempotency-Key` is done once, however often it is sent.

Events of a stream get numbers (`id:`); the same POST with `Last-Event-ID` resumes it after that event.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi.responses import JSONResponse, Response
from serving.auth import KeyStore, bearer
from serving.call import Call, enter_call
from serving.errors import QuadrilleError, RequestIdReused
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http import sse
from gateway.http.caller import unless_gone
from gateway.http.errors import CLIENT_CLOSED_REQUEST, failure
from gateway.streams.fields import checked_id, place
from gateway.streams.named import NAME_KEY, REPLAYED_KEY, RESUME_KEY, Name, NamedRequests, Put

_BOUNDARY = re.compile(rb'boundary="?([^";,\s]+)')  # of a form, new in each attempt


@dataclass(frozen=True, slots=True)
class Part:
    """More of a response: its head, which is the same for all parts, and bytes of its body."""

    head: Message
    body: bytes
    is_event: bool


class NamedHttp:
    """ASGI middleware behind the door, which has read and judged the body."""

    def __init__(self, app: ASGIApp, requests: NamedRequests, keys: KeyStore) -> None:
        self._app = app
        self._requests = requests
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        id = headers.get(NAME_KEY)
        if id is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            principal = self._keys.authenticate(bearer(headers.get("authorization")))
        except QuadrilleError:  # to be refused where everyone is
            await self._app(scope, receive, send)
            return
        enter_call(Call(scope["path"], scope["state"]["request_id"], principal))
        request = Request(scope, receive)
        body = await request.body()
        begun = False

        async def begin(head: Message, replayed: bool) -> None:
            nonlocal begun
            begun = True
            fields = [*head["headers"], *([(REPLAYED_KEY.encode(), b"true")] if replayed else [])]
            await send({**head, "headers": fields})

        async def serve() -> None:
            name, after = Name.of(principal, scope["path"], checked_id(id)), place(headers.get(RESUME_KEY))
            replayed = self._requests.knows(name)
            work = _work(self._app, scope, body)
            async with aclosing(self._requests.follow(name, _asked(scope, body), after, work)) as parts:
                async for number, part in parts:
                    if not begun:
                        await begin(part.head, replayed)
                    content = sse.numbered(part.body, number) if part.is_event else part.body
                    await send({"type": "http.response.body", "body": content, "more_body": True})
            if not begun:  # resumed after the last
                await begin({"type": "http.response.start", "status": 204, "headers": []}, replayed)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        try:
            await unless_gone(request, serve())
        except ClientDisconnect:
            if not begun:
                await Response(status_code=CLIENT_CLOSED_REQUEST)(scope, receive, send)
        except QuadrilleError as error:
            if begun:
                raise
            status, fields, content = failure(error)
            if isinstance(error, RequestIdReused):
                fields["x-should-retry"] = "false"  # OpenAI's clients would, on 409
            await JSONResponse(content, status, fields)(scope, receive, send)


def _work(app: ASGIApp, scope: Scope, body: bytes) -> Callable[[Put], Any]:
    """The application's answer, as parts, whoever listens."""

    async def work(put: Put) -> bool:
        head: Message = {}
        splitter: sse.Splitter | None = None
        failed = False

        async def send(message: Message) -> None:
            nonlocal head, splitter, failed
            if message["type"] == "http.response.start":
                head, failed = message, message["status"] >= 400
                if Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream"):
                    splitter = sse.Splitter()
                return
            content = message.get("body", b"")
            if splitter is None:
                await put(Part(head, content, False), len(content))
                return
            for event in splitter.feed(content):
                failed = failed or event.startswith(sse.ERROR)
                await put(Part(head, event, True), len(event))
            if not message.get("more_body") and (rest := splitter.flush()):
                await put(Part(head, rest, False), len(rest))

        given = False

        async def receive() -> Message:
            nonlocal given
            if given:
                await asyncio.Event().wait()  # who listens may change: nobody is ever said to have gone
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await app({**scope, "state": dict(scope["state"])}, receive, send)
        return not failed

    return work


def _asked(scope: Scope, body: bytes) -> bytes:
    kind = Headers(scope=scope).get("content-type", "").encode("latin-1")
    if boundary := _BOUNDARY.search(kind):
        body, kind = body.replace(boundary[1], b""), kind.replace(boundary[1], b"")
    return hashlib.sha256(b"\0".join((scope["query_string"], kind, body))).digest()
