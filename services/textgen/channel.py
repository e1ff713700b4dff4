"""From the device thread to one reader on the event loop, without ever holding the thread up.

What a reader has not taken yet, because it lags or rests, is merged, one delta for each sequence: what waits is
bounded by what the request may generate. A reader that rests between deltas is not woken for each token.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from threading import Lock
from typing import Any

from textgen.domain import Delta, Finished, GeneratorEvent, PromptLogprobs


class EventChannel:
    """What is said of the prompt, deltas, then Finished or an error."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_s: float = 0.0) -> None:
        """interval_s: how long the reader rests after each delta, unless the end comes."""
        self._loop = loop
        self._interval_s = interval_s
        self._ready, self._over = asyncio.Event(), asyncio.Event()
        self._lock = Lock()  # over all that follows
        self._resting = False
        self._prompt: list[PromptLogprobs] = []
        self._deltas: dict[int, list[Delta]] = {}
        self._end: Finished | Exception | None = None

    def send(self, deltas: Sequence[Delta] = (), **more: Any) -> None:
        """Hand events over as `put` does, and wake the reader."""
        if self.put(deltas, **more):
            wake([self])

    def put(
        self,
        deltas: Sequence[Delta] = (),
        *,
        prompt: Sequence[PromptLogprobs] = (),
        finished: Finished | None = None,
        error: Exception | None = None,
    ) -> bool:
        """Hand events over, from any thread; whether the reader is to be woken for them."""
        with self._lock:
            self._prompt += prompt
            for delta in deltas:
                self._deltas.setdefault(delta.index, []).append(delta)
            self._end = self._end or finished or error
            return not self._resting or self._end is not None

    async def events(self) -> AsyncIterator[GeneratorEvent]:
        """Events as they come, ending after Finished or with the error raised."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            with self._lock:
                prompt, self._prompt = self._prompt, []
                waiting, self._deltas = self._deltas, {}
                end = self._end
            for part in prompt:
                yield part
            for deltas in waiting.values():
                yield merged(deltas)
            if isinstance(end, Exception):
                raise end
            if end is not None:
                yield end
                return
            if self._interval_s and waiting:
                await self._rest()

    async def _rest(self) -> None:
        with self._lock:
            self._resting = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._interval_s):
                await self._over.wait()
        with self._lock:
            self._resting = False
            if self._prompt or self._deltas:  # of which nothing was said while it rested
                self._ready.set()


def wake(channels: Sequence[EventChannel]) -> None:
    """Wake readers, those of a loop by one call; from any thread. After their loop has ended nobody is."""
    for loop, some in groupby(channels, lambda channel: channel._loop):
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_wake, list(some))


def _wake(channels: Sequence[EventChannel]) -> None:
    for channel in channels:
        channel._ready.set()
        if channel._end is not None:
            channel._over.set()


def merged(deltas: Sequence[Delta]) -> Delta:
    """One delta for several of the same sequence, in order."""
    if len(deltas) == 1:
        return deltas[0]
    return Delta(
        index=deltas[0].index,
        text="".join(delta.text for delta in deltas),
        token_ids=tuple(token for delta in deltas for token in delta.token_ids),
        logprobs=tuple(entry for delta in deltas for entry in delta.logprobs),
    )
