"""One ingest stream: documents go to the writer as they come and share its commits; each is answered."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

from serving.errors import InvalidInput, QuadrilleError

from retrieval.credits import Credits
from retrieval.domain import Access, Collection, Document
from retrieval.engine import Engine


@dataclass(frozen=True, slots=True)
class Item:
    """A document as it arrived; `load` converts it and may raise InvalidInput."""

    sequence: int
    document_id: str
    load: Callable[[], Document]


@dataclass(frozen=True, slots=True)
class Granted:
    """More documents may be sent."""

    count: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """A document is durable and visible."""

    sequence: int
    document_id: str
    version: int
    lsn: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document was refused."""

    sequence: int
    document_id: str
    error: QuadrilleError


@dataclass(frozen=True, slots=True)
class Finished:
    """The stream is done."""

    accepted: int
    rejected: int
    last_lsn: int


Event = Granted | Accepted | Rejected | Finished


class Ingest:
    """Runs one caller's stream into one collection, with at most `window` documents in flight."""

    def __init__(self, engine: Engine, collection: Collection, access: Access, window: int) -> None:
        self._engine = engine
        self._collection = collection
        self._access = access
        self._window = window
        self._credits = Credits(window)
        self._in_flight: set[int] = set()
        # Bounded: a client that does not read its answers is not read from either.
        self._events: asyncio.Queue[Event | Exception | None] = asyncio.Queue(window)

    async def run(self, items: AsyncIterator[Item]) -> AsyncGenerator[Event]:
        """Yield what happens until `items` ends; raises what `items` raises."""
        yield Granted(self._window)
        receiver = asyncio.create_task(self._receive(items))
        accepted = rejected = last_lsn = 0
        try:
            while (event := await self._events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                if isinstance(event, Accepted):
                    accepted, last_lsn = accepted + 1, max(last_lsn, event.lsn)
                elif isinstance(event, Rejected):
                    rejected += 1
                yield event
            yield Finished(accepted, rejected, last_lsn)
        finally:
            receiver.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await receiver

    async def _receive(self, items: AsyncIterator[Item]) -> None:
        writes: set[asyncio.Task[None]] = set()
        try:
            async for item in items:
                if refusal := self._refusal(item):
                    await self._events.put(Rejected(item.sequence, item.document_id, refusal))
                    continue
                self._in_flight.add(item.sequence)
                write = asyncio.create_task(self._write(item))
                writes.add(write)
                write.add_done_callback(writes.discard)
            await asyncio.gather(*writes)
            await self._events.put(None)
        except Exception as error:
            await self._events.put(error)
        finally:
            for write in writes:  # those that wait are given up; what is in a commit stays written
                write.cancel()
            await asyncio.gather(*writes, return_exceptions=True)

    def _refusal(self, item: Item) -> InvalidInput | None:
        if item.sequence in self._in_flight:
            return InvalidInput("sequence", "is that of a document still in flight")
        if not self._credits.spend():
            return InvalidInput("document", "was sent without a credit")
        return None

    async def _write(self, item: Item) -> None:
        try:
            event = await self._attempt(item)
        except Exception as error:
            await self._events.put(error)
            return
        self._in_flight.discard(item.sequence)
        await self._events.put(event)
        if granted := self._credits.give_back():
            await self._events.put(Granted(granted))

    async def _attempt(self, item: Item) -> Accepted | Rejected:
        try:
            document = await self._engine.in_thread(item.load)
            written = await self._engine.write(self._collection, [document], ["document"], self._access)
        except QuadrilleError as error:
            return Rejected(item.sequence, item.document_id, error)
        return Accepted(item.sequence, item.document_id, written.versions[0], written.lsn)
