"""Requests that their callers named: asked again under the same name, they are answered once.

A call that follows another of the same name gets the same events, from the first on, whether the first is still
being answered or ended within the last seconds. The work goes on as long as anybody follows it.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from serving.errors import InvalidInput

from textgen.domain import GenerationEvent

Key = tuple[str, str]  # tenant and the name that it gave


@dataclass(slots=True)
class _Record:
    request: Any
    events: list[GenerationEvent] = field(default_factory=list)
    error: BaseException | None = None
    ended: float | None = None
    followers: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    work: asyncio.Task[None] | None = None


class Idempotency:
    """Remembers answers for `seconds`, at most `most` of them; on the event loop only."""

    def __init__(self, seconds: float, most: int = 1024, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._records: OrderedDict[Key, _Record] = OrderedDict()

    async def events(
        self, key: Key, request: object, answer: Callable[[], AsyncGenerator[GenerationEvent, None]]
    ) -> AsyncGenerator[GenerationEvent, None]:
        """The events of `answer`, called unless a request of that name is known.

        InvalidInput when the name is another request's. What fails is not remembered.
        """
        self._forget()
        record = self._records.get(key)
        if record is None:
            self._make_room()
            record = self._records[key] = _Record(request)
            record.work = asyncio.create_task(self._work(key, record, answer))
        elif record.request != request:
            raise InvalidInput("request_id", "is that of another request, which differs from this one")
        record.followers += 1
        try:
            place = 0
            while True:
                while place < len(record.events):
                    place += 1
                    yield record.events[place - 1]
                if record.error is not None:
                    raise record.error
                if record.ended is not None:
                    return
                record.news.clear()
                await record.news.wait()
        finally:
            record.followers -= 1
            if record.followers == 0 and record.ended is None:
                await self._cancel(key, record)

    async def _work(
        self, key: Key, record: _Record, answer: Callable[[], AsyncGenerator[GenerationEvent, None]]
    ) -> None:
        try:
            async with aclosing(answer()) as events:
                async for event in events:
                    record.events.append(event)
                    record.news.set()
            record.ended = self._clock()
        except Exception as error:
            record.error = error
            self._records.pop(key, None)
        record.news.set()

    async def _cancel(self, key: Key, record: _Record) -> None:
        if self._records.get(key) is record:
            del self._records[key]
        if record.work is not None:
            record.work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await record.work

    def _forget(self) -> None:
        """Let those go whose time is over."""
        now = self._clock()
        for key, record in list(self._records.items()):
            if record.ended is not None and now - record.ended >= self._seconds:
                del self._records[key]

    def _make_room(self) -> None:
        """Let the oldest that have ended go, until one more may be remembered."""
        for key in [key for key, record in self._records.items() if record.ended is not None]:
            if len(self._records) < self._most:
                break
            del self._records[key]
