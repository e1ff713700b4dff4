"""What every HTTP request passes first: its id, its size, its nesting, and what is counted."""

import re
import time
import uuid
from collections.abc import Callable, Iterable
from itertools import accumulate

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.errors import body
from gateway.metrics import GatewayMetrics

REQUEST_ID = "x-request-id"
_REQUEST_ID = re.compile(r"[!-~]{1,128}")  # what gRPC's metadata can carry on
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_JSON = ("application/octet-stream", "multipart/form-data")  # which nothing parses as JSON
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Door:
    """ASGI middleware. Bodies are read whole, and judged, before anything parses them."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: GatewayMetrics,
        routes: Iterable[str],
        told: Callable[[], Iterable[tuple[bytes, bytes]]],
        max_bytes: int,
        max_depth: int,
    ) -> None:
        """`told` gives headers that a response gets when it begins."""
        self._app = app
        self._metrics = metrics
        self._routes = frozenset(routes)
        self._told = told
        self._max_bytes = max_bytes
        self._max_depth = max_depth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        given = headers.get(REQUEST_ID, "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        route = scope["path"] if scope["path"] in self._routes else "other"
        begun = time.monotonic()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (REQUEST_ID.encode(), request_id.encode()),
                    *self._told(),
                ]
                self._metrics.http_requests.labels(route, str(message["status"])).inc()
                self._metrics.http_seconds.labels(route).observe(time.monotonic() - begun)
            await send(message)

        content, problem = await self._read(headers, receive)
        if problem is not None:
            await problem(scope, receive, send_counted)
            return
        await self._app(scope, _replay(content, receive), send_counted)

    async def _read(self, headers: dict[str, str], receive: Receive) -> tuple[bytes, JSONResponse | None]:
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 12 or int(length) > self._max_bytes:
            return b"", self._too_large()
        received = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"", _refusal(400, "the body ended early", "invalid_input")
            received += message.get("body", b"")
            if len(received) > self._max_bytes:
                return b"", self._too_large()
            if not message.get("more_body"):
                break
        content = bytes(received)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _NOT_JSON and nesting(content) > self._max_depth:
            return b"", _refusal(400, f"the body is nested deeper than {self._max_depth}", "invalid_input")
        return content, None

    def _too_large(self) -> JSONResponse:
        return _refusal(413, f"the body is over {self._max_bytes} bytes", "too_large")


def nesting(content: bytes) -> int:
    """Depth of a JSON text's brackets outside its strings."""
    brackets = _STRING.sub(b"", content).translate(None, _NO_BRACKETS)
    return max(accumulate((1 if bracket in b"[{" else -1 for bracket in brackets), initial=0))


def _refusal(status: int, message: str, code: str) -> JSONResponse:
    return JSONResponse(body(message, "invalid_request_error", None, code), status)


def _replay(content: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return replay
