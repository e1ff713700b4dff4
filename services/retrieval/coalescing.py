"""Small requests answered together: what comes while a pass runs waits for the next one, and nothing else does."""

import asyncio
import functools
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

from serving.errors import DeadlineUnreachable, Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
# A result or an exception for each item.
Outcomes = Sequence[Result | Exception]
Begun = Outcomes[Result] | Callable[[], Outcomes[Result]]
# Turns of the event loop, of a few microseconds each where nothing else is to be done, that a pass lets go by for
# requests that have arrived and are not read yet; and passes without company after which none does so any more.
_TURNS, _HOPEFUL = 8, 64


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Item, Result]):
    items: Sequence[Item]
    deadline: float | None
    answered: "asyncio.Future[list[Result]]"


class Coalescer(Generic[Item, Result]):
    """Passes of items that share a key, one at a time for each key; for one event loop.

    No pass waits for company by the clock, and whoever has been alone for a while is served at once. Who left before a
    pass is not in it.

    Args:
        begin: begins a pass, on the event loop, and so without waiting; gives a result or an exception for each
            item, or the work on a thread of `executor` that does.
        executor: where passes go on.
        most: items of one pass; more than that of one caller make a pass of their own.
    """

    def __init__(self, begin: Callable[[list[Item]], Begun[Result]], executor: Executor, most: int) -> None:
        self._begin = begin
        self._executor = executor
        self._most = most
        self._lanes: dict[Hashable, deque[_Entry[Item, Result]]] = {}
        self._hope = 0  # passes that will yet look for company

    async def submit(
        self, key: Hashable, items: Sequence[Item], deadline: float | None = None
    ) -> list[Result]:
        """Return a result for each item, or raise the first exception among them.

        Raises DeadlineUnreachable when `deadline`, in seconds of `time.monotonic()`, passes before a pass begins,
        and Unavailable once the executor is shut down.
        """
        loop = asyncio.get_running_loop()
        entry: _Entry[Item, Result] = _Entry(items, deadline, loop.create_future())
        if (lane := self._lanes.get(key)) is not None:
            lane.append(entry)
        else:
            self._lanes[key] = deque((entry,))
            # After all that this turn of the loop has to hand in, and perhaps some more.
            loop.call_soon(self._gather, key, _TURNS if self._hope else 0)
        return await entry.answered

    def _gather(self, key: Hashable, turns: int) -> None:
        """Begin a pass after so many turns of the loop, or once it is full."""
        if turns and len(self._lanes[key]) < self._most:
            asyncio.get_running_loop().call_soon(self._gather, key, turns - 1)
        else:
            self._next(key)

    def _next(self, key: Hashable) -> None:
        taken = self._take(self._lanes[key])
        if not taken:
            del self._lanes[key]
            return
        loop = asyncio.get_running_loop()
        items = [item for entry in taken for item in entry.items]
        try:
            begun = self._begin(items)
        except Exception as error:
            begun = [error] * len(items)
        if not callable(begun):
            loop.call_soon(self._next, key)
            _tell(taken, begun)
            return
        try:
            running = loop.run_in_executor(self._executor, begun)
        except RuntimeError:  # the executor was shut down
            waiting = [*taken, *self._lanes.pop(key)]
            for entry in waiting:
                _tell([entry], [Unavailable("the service stops")] * len(entry.items))
            return
        running.add_done_callback(functools.partial(self._finish, key, taken))

    def _take(self, lane: deque[_Entry[Item, Result]]) -> list[_Entry[Item, Result]]:
        """Take those of the next pass from a lane."""
        taken: list[_Entry[Item, Result]] = []
        room = self._most
        while lane and (not taken or len(lane[0].items) <= room):
            entry = lane.popleft()
            if entry.answered.done():  # cancelled
                continue
            if entry.deadline is not None and entry.deadline <= time.monotonic():
                entry.answered.set_exception(
                    DeadlineUnreachable("the deadline passed before the search began")
                )
                continue
            taken.append(entry)
            room -= len(entry.items)
        self._hope = _HOPEFUL if len(taken) > 1 else max(0, self._hope - len(taken))
        return taken

    def _finish(
        self,
        key: Hashable,
        taken: list[_Entry[Item, Result]],
        finished: "asyncio.Future[Outcomes[Result]]",
    ) -> None:
        self._next(key)  # before anybody is told: the thread need not wait for that
        failure = finished.exception()
        if failure is None:
            _tell(taken, finished.result())
            return
        for entry in taken:
            if not entry.answered.done():
                entry.answered.set_exception(failure)


def _tell(entries: Sequence[_Entry[Item, Result]], outcomes: Outcomes[Result]) -> None:
    place = 0
    for entry in entries:
        part = slice(place, place := place + len(entry.items))
        if entry.answered.done():
            continue
        results: list[Result] = []
        for outcome in outcomes[part]:
            if isinstance(outcome, Exception):
                entry.answered.set_exception(outcome)
                break
            results.append(outcome)
        else:
            entry.answered.set_result(results)
