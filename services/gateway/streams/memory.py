"""How much of what named requests said is held, and whose turn it is to wait."""

import asyncio
from collections.abc import Callable

from gateway.streams.limits import StreamLimits
from gateway.streams.metrics import StreamMetrics
from gateway.streams.record import Record


class ReplayMemory:
    """Counts the bytes of all records; `spare` lets go of a record that nobody needs, or says that there is none."""

    def __init__(self, limits: StreamLimits, metrics: StreamMetrics, spare: Callable[[], bool]) -> None:
        self._limits = limits
        self._metrics = metrics
        self._spare = spare
        self._starved: set[asyncio.Event] = set()  # of work that waits for room
        self.held_bytes = 0

    async def room(self, record: Record, size_bytes: int) -> None:
        """Wait until an item of this size fits. One item may always be under way, however large."""
        while record.replay.size_bytes and not record.dropped:
            self.shed(size_bytes)
            over = max(
                record.replay.size_bytes + size_bytes - self._limits.stream_bytes,
                self.held_bytes + size_bytes - self._limits.total_bytes,
            )
            freed = record.replay.trim(record.taken_by_all, over)
            self.hold(-freed)
            if freed >= over or not record.replay.size_bytes:
                return
            await self._release()

    def hold(self, change_bytes: int) -> None:
        """Count bytes that came or went; room that was made is told to who waits for it."""
        self.held_bytes += change_bytes
        self._metrics.held_bytes.set(self.held_bytes)
        if change_bytes < 0:
            self.feed()

    def feed(self) -> None:
        """Have waiting work look again."""
        for waiting in self._starved:
            waiting.set()

    def shed(self, wanted_bytes: int) -> None:
        """Let go of what nobody needs until so many bytes fit, or nothing of the kind is left."""
        while self.held_bytes + wanted_bytes > self._limits.total_bytes and self._spare():
            pass

    async def _release(self) -> None:
        waiting = asyncio.Event()
        self._starved.add(waiting)
        try:
            await waiting.wait()
        finally:
            self._starved.discard(waiting)
