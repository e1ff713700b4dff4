"""How long clients are waited for: until their request is whole, and while they do not read."""

import asyncio
import contextlib

from fastapi.responses import JSONResponse
from prometheus_client import Counter
from serving.stall import StallTimer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.connection import ABORT
from gateway.http.errors import body


class Patience:
    """ASGI middleware, outside of all that reads or writes.

    Who stalls while a response waits loses the connection: nothing else could be told to who does not read. The
    request ends as if the client had left, and with it the work behind.
    """

    def __init__(self, app: ASGIApp, *, read_s: float, stall_s: float | None, stalled: Counter) -> None:
        self._app = app
        self._read_s = read_s
        self._stall_s = stall_s
        self._stalled = stalled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        latest: float | None = loop.time() + self._read_s
        begun = False

        async def receive_in_time() -> Message:
            nonlocal latest
            async with asyncio.timeout_at(latest):
                message = await receive()
            if not message.get("more_body"):
                latest = None  # from now on it is waited for the end
            return message

        def give_up() -> None:
            self._stalled.inc()
            with contextlib.suppress(KeyError):  # another server than ours has no such thing
                scope["state"][ABORT]()

        timer = StallTimer(self._stall_s, give_up)

        async def send_in_time(message: Message) -> None:
            nonlocal begun
            begun = True
            with timer:
                await send(message)

        try:
            await self._app(scope, receive_in_time, send_in_time)
        except TimeoutError:
            if latest is None or loop.time() < latest or begun:
                raise
            content = body(
                f"the request did not come in {self._read_s:g} s", "timeout_error", None, "timeout"
            )
            await JSONResponse(content, 408, {"connection": "close"})(scope, receive, send)
        finally:
            timer.close()
