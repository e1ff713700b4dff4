"""From the device thread to one reader on the event loop, without ever holding the thread up.

What a slow reader has not taken yet is merged, one delta for each sequence, so what waits is bounded by what
the request may generate, and a reader that lags gets fewer, larger deltas.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from textgen.domain import Delta, Finished, GeneratorEvent, PromptLogprobs


class EventChannel:
    """What is said of the prompt, deltas, then Finished or an error."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready = asyncio.Event()
        self._prompt: list[PromptLogprobs] = []
        self._deltas: dict[int, list[Delta]] = {}
        self._finished: Finished | None = None
        self._error: Exception | None = None

    def send(
        self,
        deltas: Sequence[Delta] = (),
        *,
        prompt: Sequence[PromptLogprobs] = (),
        finished: Finished | None = None,
        error: Exception | None = None,
    ) -> None:
        """Hand events over; from any thread. After the loop has ended they go nowhere."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._put, tuple(prompt), tuple(deltas), finished, error)

    def _put(
        self,
        prompt: Sequence[PromptLogprobs],
        deltas: Sequence[Delta],
        finished: Finished | None,
        error: Exception | None,
    ) -> None:
        self._prompt += prompt
        for delta in deltas:
            self._deltas.setdefault(delta.index, []).append(delta)
        self._finished = self._finished or finished
        self._error = self._error or error
        self._ready.set()

    async def events(self) -> AsyncIterator[GeneratorEvent]:
        """Events as they come, ending after Finished or with the error raised."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            prompt, self._prompt = self._prompt, []
            waiting, self._deltas = self._deltas, {}
            for part in prompt:
                yield part
            for deltas in waiting.values():
                yield merged(deltas)
            if self._prompt or self._deltas:
                continue
            if self._error is not None:
                raise self._error
            if self._finished is not None:
                yield self._finished
                return


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
