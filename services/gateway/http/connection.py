"""One HTTP/1.1 connection: the head of a request must come in time, and be of some size."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ABORT = "abort"  # in a request's state: closes its connection at once, with what waits to be sent


class Connection(HttpToolsProtocol):
    """uvicorn's own, which waits for ever for a head that comes byte by byte, and takes one of any size."""

    def __init__(self, *args: Any, head_timeout_s: float, max_head_bytes: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timeout_s = head_timeout_s
        self._max_head_bytes = max_head_bytes
        self._head_bytes: int | None = None  # of a head that is not whole; None outside of any
        self._in_body = False
        self._too_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, ABORT: transport.abort}
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for any more."""
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and see whether a head has begun and is not whole; between requests uvicorn waits."""
        is_head = not self._in_body
        super().data_received(data)
        if self._head_bytes is None:
            self._unwatch()
            return
        self._watch()
        self._head_bytes += len(data) if is_head else 0
        if self._head_bytes > self._max_head_bytes and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """It is whole."""
        super().on_headers_complete()
        self._head_bytes, self._in_body = None, True

    def on_message_complete(self) -> None:
        """So is the body."""
        super().on_message_complete()
        self._in_body = False

    def _watch(self) -> None:
        if self._too_late is None:
            self._too_late = self.loop.call_later(self._head_timeout_s, self.transport.abort)

    def _unwatch(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
