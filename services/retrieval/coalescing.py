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


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Item, Result]):
    items: Sequence[Item]
    deadline: float | None
    answered: "asyncio.Future[list[Result]]"


class Coalescer(Generic[Item, Result]):
    """Passes of items that share a key, one at a time for each key; for one event loop.

    No pass waits for company, so whoever is alone is served at once. Who left before a pass is not in it.

    Args:
        run: does a pass, on a thread of `executor`; gives a result or an exception for each item.
        executor: where passes run.
        most: items of one pass; more than that of one caller make a pass of their own.
    """

    def __init__(
        self, run: Callable[[list[Item]], list[Result | Exception]], executor: Executor, most: int
    ) -> None:
        self._run = run
        self._executor = executor
        self._most = most
        self._lanes: dict[Hashable, deque[_Entry[Item, Result]]] = {}

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
            loop.call_soon(self._next, key)  # after all that this turn of the loop has to hand in
        return await entry.answered

    def _next(self, key: Hashable) -> None:
        lane = self._lanes[key]
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
        if not taken:
            del self._lanes[key]
            return
        items = [item for entry in taken for item in entry.items]
        loop = asyncio.get_running_loop()
        try:
            running = loop.run_in_executor(self._executor, self._run, items)
        except RuntimeError:  # the executor was shut down
            self._refuse([*taken, *self._lanes.pop(key)])
            return
        running.add_done_callback(functools.partial(self._finish, key, taken))

    def _refuse(self, entries: Sequence[_Entry[Item, Result]]) -> None:
        for entry in entries:
            if not entry.answered.done():
                entry.answered.set_exception(Unavailable("the service stops"))

    def _finish(
        self,
        key: Hashable,
        taken: list[_Entry[Item, Result]],
        finished: "asyncio.Future[list[Result | Exception]]",
    ) -> None:
        self._next(key)  # before anybody is told: the thread need not wait for that
        place = 0
        for entry in taken:
            part = slice(place, place := place + len(entry.items))
            if entry.answered.done():
                continue
            if (failure := finished.exception()) is not None:
                entry.answered.set_exception(failure)
                continue
            results: list[Result] = []
            for outcome in finished.result()[part]:
                if isinstance(outcome, Exception):
                    entry.answered.set_exception(outcome)
                    break
                results.append(outcome)
            else:
                entry.answered.set_result(results)
