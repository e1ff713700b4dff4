"""Notices who takes nothing for too long, by one timer however much is handed over in small pieces."""

import asyncio
from collections.abc import Callable


class StallTimer:
    """A context manager around each handing over: calls `stalled`, once, when one has taken `limit_s` seconds.

    Of several at once the first counts until all are done. None: there is no limit. It must be closed.
    """

    def __init__(self, limit_s: float | None, stalled: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit_s = limit_s
        self._stalled = stalled
        self._pending, self._since = 0, 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if not self._pending:
            self._since = self._loop.time()
            if self._timer is None and self._limit_s is not None:
                self._timer = self._loop.call_later(self._limit_s, self._look, self._limit_s)
        self._pending += 1

    def __exit__(self, *_: object) -> None:
        self._pending -= 1

    def close(self) -> None:
        """The end."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, limit_s: float) -> None:
        left = self._since + limit_s - self._loop.time() if self._pending else limit_s
        if left > 0:
            self._timer = self._loop.call_later(left, self._look, limit_s)
        else:
            self._stalled()
