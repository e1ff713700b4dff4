"""Which requests run, and which rows go into the next batch. Pure: no torch, no clock, no threads.

A request is a stage of `steps` steps over `rows` rows (images). Rows of all running requests that share a
stage key may share a forward pass, whatever their step, so requests join and leave between steps. A step of a
request is complete when each of its rows was in a batch once; many rows take several batches a step.

Keys share the device's time in deficit round robin; within a key, the order is by priority, then deadline.
"""

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from imagegen.round_robin import DeficitRoundRobin

# Who was passed over this often counts as one priority higher: the lowest priority waits long, never for ever.
AGING_TURNS = 4
# Device seconds that a key may take before another that waits gets its turn, or one batch where that takes longer.
QUANTUM_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class StageKey:
    """Rows with equal keys can share a forward pass. `owner` sets work apart that cannot be shared.

    `loras` are digests and scales of the LoRA adapters that a pass has.
    """

    model: str
    height: int = 0
    width: int = 0
    owner: int | None = None
    loras: tuple[tuple[str, float], ...] = ()

    @property
    def flow(self) -> "StageKey":
        """What has one share of the device's time: a key, and all together that a model does for its owners alone."""
        return self if self.owner is None else replace(self, owner=0)


@dataclass(frozen=True, slots=True)
class Stage:
    """`steps` passes over each of `rows` rows; in each a row is `evaluations` rows to the network, 2 with guidance."""

    key: StageKey
    rows: int
    steps: int
    evaluations: int = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A request as the scheduler sees it; `deadline` is on the clock that `admit` is given."""

    id: int
    stage: Stage
    priority: int = 0
    deadline: float | None = None


class DropReason(StrEnum):
    """Why a request leaves before it is done."""

    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Admission:
    """Requests that left, with the reason, and requests that start now, in order."""

    dropped: tuple[tuple[int, DropReason], ...]
    started: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows [start, stop) of a request, all at `step` (from 0) of its stage."""

    id: int
    step: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows for one forward pass.

    `evaluations` are rows as the network sees them, and `occupancy`, above 0 and at most 1, is how near they and
    the images come to the most there may be.
    """

    key: StageKey
    slices: tuple[Slice, ...]
    evaluations: int
    occupancy: float

    @property
    def rows(self) -> int:
        """Number of images."""
        return sum(part.stop - part.start for part in self.slices)


@dataclass(frozen=True, slots=True)
class StepDone:
    """Request `id` has `step` steps of its stage behind it; `stage_done` when that was the last."""

    id: int
    step: int
    stage_done: bool


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    arrival: int
    admissions_before: int


@dataclass(slots=True)
class _Running:
    entry: Entry
    stage: Stage
    arrival: int
    last_turn: int
    passed_over: int = 0
    step: int = 0
    row: int = 0

    @property
    def order(self) -> tuple[float, ...]:
        """Least first, among those that could be in the same batch."""
        priority = self.entry.priority + self.passed_over // AGING_TURNS
        return -priority, _due(self.entry), self.last_turn, self.arrival


class QueueFullError(Exception):
    """No room for another waiting request."""


class Scheduler:
    """Admits by priority, share of the device and deadline, with aging; running requests take turns."""

    def __init__(
        self,
        max_batch_rows: int,
        max_running_rows: int,
        max_waiting: int,
        max_evaluations: Callable[[StageKey], int] = lambda _: sys.maxsize,
    ) -> None:
        """`max_running_rows` bounds what is admitted; a request weighs its rows, at most `max_batch_rows`.

        `max_evaluations` bounds a batch of that key; a single row is always let through.
        """
        if not 1 <= max_batch_rows <= max_running_rows:
            raise ValueError("max_running_rows must be at least max_batch_rows, and both positive")
        self.max_batch_rows = max_batch_rows
        self.max_running_rows = max_running_rows
        self._max_waiting = max_waiting
        self._max_evaluations = max_evaluations
        self._turns = DeficitRoundRobin[StageKey](QUANTUM_SECONDS)
        self._waiting: dict[int, _Waiting] = {}
        self._running: dict[int, _Running] = {}
        self._cancelled: set[int] = set()
        self._arrivals = 0
        self._admissions = 0
        self._turn = 0

    @property
    def waiting_count(self) -> int:
        """Requests that wait for admission."""
        return len(self._waiting)

    @property
    def running_count(self) -> int:
        """Requests that are admitted and not finished."""
        return len(self._running)

    @property
    def waiting_rows(self) -> int:
        """Images of requests that wait."""
        return sum(item.entry.stage.rows for item in self._waiting.values())

    @property
    def running_rows(self) -> int:
        """Images of requests that are admitted, whatever their stage."""
        return sum(run.entry.stage.rows for run in self._running.values())

    @property
    def idle(self) -> bool:
        """True when there is nothing to do."""
        return not self._waiting and not self._running

    def submit(self, entry: Entry) -> int:
        """Queue a request and return how many are ahead of it. Raises QueueFullError."""
        if len(self._waiting) >= self._max_waiting:
            raise QueueFullError
        position = sum(1 for _ in self.waiting_stages(entry.priority))
        self._waiting[entry.id] = _Waiting(entry, self._arrivals, self._admissions)
        self._arrivals += 1
        return position

    def cancel(self, request_id: int) -> None:
        """Mark a request; the next `admit` drops it. Unknown ids are ignored."""
        if request_id in self._waiting or request_id in self._running:
            self._cancelled.add(request_id)

    def admit(self, now: float) -> Admission:
        """Drop what is cancelled or expired, then admit what fits; the first in rank is never skipped.

        Among equals in priority goes first whose flow has the fewest rows running, then whose deadline is nearest.
        """
        dropped = [*self._drop(self._waiting, now), *self._drop(self._running, now)]
        self._cancelled.clear()
        started: list[int] = []
        weights: Counter[StageKey] = Counter()
        for run in self._running.values():
            weights[run.stage.key.flow] += self.weight(run.stage)

        def order(item: _Waiting) -> tuple[float, ...]:
            flow = item.entry.stage.key.flow
            return -self._rank(item), weights[flow], _due(item.entry), item.arrival

        while self._waiting:
            first = min(self._waiting.values(), key=order)
            entry, weight = first.entry, self.weight(first.entry.stage)
            if weights.total() + weight > self.max_running_rows:
                break
            weights[entry.stage.key.flow] += weight
            del self._waiting[entry.id]
            self._admissions += 1
            self._running[entry.id] = _Running(entry, entry.stage, first.arrival, last_turn=self._turn)
            started.append(entry.id)
        return Admission(tuple(dropped), tuple(started))

    def next_batch(self) -> Batch | None:
        """Rows of the flow whose turn it is; what cannot share a pass with the first in order waits."""
        flow = self._turns.choose(run.stage.key.flow for run in self._running.values())
        if flow is None:
            return None
        in_order = sorted(
            (run for run in self._running.values() if run.stage.key.flow == flow), key=lambda run: run.order
        )
        key = in_order[0].stage.key
        limit = self._max_evaluations(key)
        slices: list[Slice] = []
        rows = evaluations = 0
        for run in in_order:
            each = run.stage.evaluations
            room = min(self.max_batch_rows - rows, max((limit - evaluations) // each, 0 if slices else 1))
            taken = min(run.stage.rows - run.row, room)
            if run.stage.key == key and taken:
                slices.append(Slice(run.entry.id, run.step, run.row, run.row + taken))
                rows += taken
                evaluations += taken * each
        occupancy = min(1.0, max(rows / self.max_batch_rows, evaluations / limit))
        return Batch(key, tuple(slices), evaluations, occupancy)

    def complete(self, batch: Batch, seconds: float) -> list[StepDone]:
        """Record that a batch ran in `seconds` of the device and return the steps it completed.

        Requests removed since are ignored.
        """
        self._turn += 1
        self._turns.charge(batch.key.flow, seconds)
        for other in self._running.values():
            if other.stage.key.flow == batch.key.flow:
                other.passed_over += 1
        done: list[StepDone] = []
        for part in batch.slices:
            run = self._running.get(part.id)
            if run is None:
                continue
            run.last_turn, run.passed_over = self._turn, 0
            run.row = part.stop
            if run.row == run.stage.rows:
                run.row = 0
                run.step += 1
                done.append(StepDone(part.id, run.step, run.step == run.stage.steps))
        return done

    def continue_with(self, request_id: int, stage: Stage) -> None:
        """Let a running request go on with another stage."""
        run = self._running[request_id]
        run.stage, run.step, run.row, run.passed_over = stage, 0, 0, 0

    def remove(self, request_id: int) -> None:
        """Forget a request, finished or failed. Unknown ids are ignored."""
        self._running.pop(request_id, None)
        self._waiting.pop(request_id, None)
        self._cancelled.discard(request_id)

    def running_stages(self) -> Iterator[Stage]:
        """What is left of the current stages of running requests."""
        for run in self._running.values():
            yield replace(run.stage, steps=run.stage.steps - run.step)

    def waiting_stages(self, priority: int | None = None) -> Iterator[Stage]:
        """Stages of waiting requests: of all, or of those ahead of a newcomer with that priority."""
        for item in self._waiting.values():
            if priority is None or self._rank(item) >= priority:
                yield item.entry.stage

    def weight(self, stage: Stage) -> int:
        """Rows that a stage counts as while it runs."""
        return min(stage.rows, self.max_batch_rows)

    def _rank(self, item: _Waiting) -> int:
        overtaken = self._admissions - item.admissions_before
        return item.entry.priority + overtaken // AGING_TURNS

    def _drop(
        self, items: dict[int, _Waiting] | dict[int, _Running], now: float
    ) -> list[tuple[int, DropReason]]:
        dropped: list[tuple[int, DropReason]] = []
        entries = [item.entry for item in items.values()]
        for entry in entries:
            request_id, deadline = entry.id, entry.deadline
            if request_id in self._cancelled:
                dropped.append((request_id, DropReason.CANCELLED))
            elif deadline is not None and deadline <= now:
                dropped.append((request_id, DropReason.EXPIRED))
            else:
                continue
            del items[request_id]
        return dropped


def _due(entry: Entry) -> float:
    return math.inf if entry.deadline is None else entry.deadline
