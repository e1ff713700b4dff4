"""What the device thread posts to one request's reader; news replaces old news that was not read yet."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable

from imagegen.events import DeviceEvent, Done, Progress, RawPreview

# Nobody reads a bar faster, and each message takes the processor from the passes of a model that runs there.
PROGRESS_INTERVAL_S = 0.1


class Mailbox:
    """Posted to by the device thread, read on the event loop it was made on.

    Only the latest progress, and an image's latest preview, wait for a reader that lags; images all wait.
    """

    def __init__(
        self, progress_interval_s: float = PROGRESS_INTERVAL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Progress is told at most once in an interval, but for the last step's."""
        self._interval_s, self._clock = progress_interval_s, clock
        self._progress_due = clock()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._lock = threading.Lock()
        self._events: list[DeviceEvent] = []
        self._error: Exception | None = None

    def post(self, event: DeviceEvent) -> None:
        """Add an event, from any thread."""
        if isinstance(event, Progress) and not self._tells(event):
            return
        with self._lock:
            if isinstance(event, Progress | RawPreview):
                self._events = [other for other in self._events if not _supersedes(event, other)]
            self._events.append(event)
        self._wake()

    def fail(self, error: Exception) -> None:
        """End the stream with an error, after what was posted before; from any thread."""
        with self._lock:
            self._error = error
        self._wake()

    async def events(self) -> AsyncGenerator[DeviceEvent, None]:
        """Events up to and including Done. Raises what `fail` was given."""
        while True:
            await self._ready.wait()
            with self._lock:
                self._ready.clear()
                # Take one at a time, so that what waits can still be superseded.
                event = self._events.pop(0) if self._events else None
                error = self._error
                if self._events or error is not None:
                    self._ready.set()
            if event is not None:
                yield event
                if isinstance(event, Done):
                    return
            elif error is not None:
                raise error

    def _tells(self, progress: Progress) -> bool:
        now = self._clock()
        if now < self._progress_due and progress.step < progress.step_count:
            return False
        self._progress_due = now + self._interval_s
        return True

    def _wake(self) -> None:
        # A loop that is closed has no reader left.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ready.set)


def _supersedes(new: Progress | RawPreview, old: DeviceEvent) -> bool:
    if isinstance(new, RawPreview):
        return isinstance(old, RawPreview) and old.index == new.index
    return isinstance(old, Progress)
