"""One HTTP/1.1 connection: the head of a request must come in time."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

ABORT = "abort"  # in a request's state: closes its connection at once, with what waits to be sent


class Connection(H11Protocol):
    """uvicorn's own, which waits for ever for a head that comes byte by byte."""

    def __init__(self, *args: Any, head_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timeout_s = head_timeout_s
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

    def handle_events(self) -> None:
        """Take what came, and see whether a head has begun and is not whole; between requests uvicorn waits."""
        super().handle_events()
        begun, _ = self.conn.trailing_data
        if self.conn.their_state is h11.IDLE and begun:
            self._watch()
        else:
            self._unwatch()

    def _watch(self) -> None:
        if self._too_late is None:
            self._too_late = self.loop.call_later(self._head_timeout_s, self.transport.abort)

    def _unwatch(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
