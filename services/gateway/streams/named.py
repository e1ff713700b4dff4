"""The table of named requests.

Who names a request may lose the connection and ask again under the same name: the work is done once, and whoever
asks gets what it says, from the first item or after the last that they have. Work goes on for a while when nobody
follows it, then it is cancelled. What it says is kept in bounded memory: once its buffer is full, it waits for its
slowest reader.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from serving.call import Principal
from serving.errors import (
    FailedPrecondition,
    InvalidInput,
    NotFound,
    Overloaded,
    RequestIdReused,
    Unavailable,
)

from gateway.streams.limits import StreamLimits
from gateway.streams.memory import ReplayMemory
from gateway.streams.metrics import StreamMetrics
from gateway.streams.record import Reader, Record

NAME_KEY = "idempotency-key"  # metadata or header: what the caller calls this request
RESUME_KEY = "last-event-id"  # metadata or header: number of the last item that the caller has
REPLAYED_KEY = "idempotency-replayed"  # of answers: "true" when the work was not begun for this call

# Says the next item and its size in bytes; waits while there is no room for it.
Put = Callable[[Any, int], Awaitable[None]]
# Does the work; whether what it said may be said again to who asks anew. What it raises never is.
Work = Callable[[Put], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Name:
    """What a caller calls a request; those of different callers and methods have nothing to do with each other."""

    tenant: str
    principal: str
    groups: frozenset[str]  # an answer may rest on what they let its caller read
    method: str  # a path over HTTP
    id: str

    @classmethod
    def of(cls, principal: Principal, method: str, id: str) -> "Name":
        """A principal's name for a request of a method."""
        return cls(principal.tenant, principal.name, principal.groups, method, id)


class NamedRequests:
    """Does each named request once; on one event loop."""

    def __init__(
        self, limits: StreamLimits, metrics: StreamMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._memory = ReplayMemory(limits, metrics, self._spare)
        self._records: dict[Name, Record] = {}
        self._ended: OrderedDict[Name, Record] = OrderedDict()  # of those, in the order of their ends
        self._running: set[Record] = set()

    @property
    def held_bytes(self) -> int:
        """Bytes kept for replay."""
        return self._memory.held_bytes

    def knows(self, name: Name) -> bool:
        """Whether following this name would not begin the work."""
        self._forget()
        return name in self._records

    async def follow(
        self, name: Name, fingerprint: bytes, after: int | None, work: Work
    ) -> AsyncGenerator[tuple[int, Any], None]:
        """Numbered items of the request of that name, from `after` + 1 on; None begins it unless it is known.

        Raises RequestIdReused when the name is another request's, NotFound when there is nothing to resume,
        FailedPrecondition when items that are missing were let go, InvalidInput when there are fewer than `after`,
        Overloaded when too many run, and what the work raised.
        """
        record = self._find(name, fingerprint, after) or self._begin(name, fingerprint, work)
        reader = Reader(after or 0)
        record.readers.add(reader)
        record.stay()
        try:
            while True:
                while reader.taken < record.replay.last:
                    yield reader.taken + 1, record.replay[reader.taken + 1]
                    reader.taken += 1
                    self._memory.feed()
                if record.error is not None:
                    raise record.error
                if record.ended_at is not None:
                    return
                await record.news.wait()
        finally:
            record.readers.discard(reader)
            self._left(name, record)

    async def close(self) -> None:
        """Cancel all work."""
        for record in list(self._running):
            record.stay()
            if record.task is not None:
                record.task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await record.task

    def _find(self, name: Name, fingerprint: bytes, after: int | None) -> Record | None:
        self._forget()
        record = self._records.get(name)
        if record is None:
            if after is not None:
                self._count("gone")
                raise NotFound("stream", name.id)
            return None
        if record.fingerprint != fingerprint:
            self._count("reused")
            raise RequestIdReused(f"{name.id!r} is the id of another request, which asked for something else")
        if (after or 0) + 1 < record.replay.first:
            self._count("gone")
            raise FailedPrecondition("REPLAY_GONE", "the first events of this stream are no longer kept")
        if (after or 0) > record.replay.last:
            raise InvalidInput(RESUME_KEY, f"must be at most {record.replay.last}, the last event's")
        if after is not None:
            self._count("resumed")
        else:
            self._count("attached" if record.ended_at is None else "replayed")
        return record

    def _begin(self, name: Name, fingerprint: bytes, work: Work) -> Record:
        if len(self._running) >= self._limits.most:
            raise Overloaded(f"{self._limits.most} named requests are running", retry_after_s=1.0)
        while len(self._records) >= self._limits.most:
            self._drop(next(iter(self._ended)))
        record = self._records[name] = Record(fingerprint)
        self._running.add(record)
        record.task = asyncio.create_task(self._work(name, record, work))
        self._count("begun")
        return record

    async def _work(self, name: Name, record: Record, work: Work) -> None:
        async def put(item: Any, size_bytes: int) -> None:
            await self._memory.room(record, size_bytes)
            if not record.dropped:
                record.replay.append(item, size_bytes)
                self._memory.hold(size_bytes)
                record.tell()

        self._metrics.running.set(len(self._running))
        keep = False
        error: Exception | None = None
        try:
            keep = await work(put)
        except asyncio.CancelledError:
            error = Unavailable("the request was cancelled")
            raise
        except Exception as failed:
            error = failed
        finally:
            self._running.discard(record)
            self._metrics.running.set(len(self._running))
            record.end(self._clock(), error)
            if keep and not record.dropped:
                self._ended[name] = record
                self._memory.shed(0)
            elif not record.dropped:
                self._drop(name)

    def _left(self, name: Name, record: Record) -> None:
        """A reader went; when it was the last, the work has a while."""
        self._memory.feed()
        self._memory.shed(0)  # what it read may have been the only thing to go
        if not record.readers and record.ended_at is None:
            loop = asyncio.get_running_loop()
            record.parting = loop.call_later(self._limits.grace_s, self._abandon, name, record)

    def _abandon(self, name: Name, record: Record) -> None:
        self._metrics.abandoned.inc()
        self._drop(name)
        if record.task is not None:
            record.task.cancel()

    def _forget(self) -> None:
        """Let those go that ended long enough ago."""
        latest = self._clock() - self._limits.keep_s
        while self._ended and (self._ended[next(iter(self._ended))].ended_at or 0) <= latest:
            self._drop(next(iter(self._ended)))

    def _spare(self) -> bool:
        oldest = next((name for name, record in self._ended.items() if not record.readers), None)
        if oldest is not None:
            self._drop(oldest)
        return oldest is not None

    def _drop(self, name: Name) -> None:
        record = self._records.pop(name)
        self._ended.pop(name, None)
        record.dropped = True
        self._memory.hold(-record.replay.size_bytes)

    def _count(self, outcome: str) -> None:
        self._metrics.named.labels(outcome).inc()
