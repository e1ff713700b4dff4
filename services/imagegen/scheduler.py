"""Which requests run, and which rows go into the next batch. Pure: no torch, no clock, no threads.

A request is a stage of `steps` steps over `rows` rows (images). Rows of all running requests that share a
stage key may share a forward pass, whatever their step, so requests join and leave between steps. A step of a
request is complete when each of its rows was in a batch once; many rows take several batches a step.
"""

from dataclasses import dataclass
from enum import StrEnum

# An entry overtaken this often counts as one priority higher: the lowest priority waits long, never for ever.
AGING_ADMISSIONS = 4


@dataclass(frozen=True, slots=True)
class StageKey:
    """Rows with equal keys can share a forward pass. `owner` sets work apart that cannot be shared."""

    model: str
    height: int = 0
    width: int = 0
    owner: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """`steps` passes over each of `rows` rows."""

    key: StageKey
    rows: int
    steps: int


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
    """Rows for one forward pass."""

    key: StageKey
    slices: tuple[Slice, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
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
    step: int = 0
    row: int = 0


class QueueFullError(Exception):
    """No room for another waiting request."""


class Scheduler:
    """Priority, then first come first served, with aging; running requests take turns."""

    def __init__(self, max_batch_rows: int, max_running_rows: int, max_waiting: int) -> None:
        """`max_running_rows` bounds what is admitted; a request weighs its rows, at most `max_batch_rows`."""
        if not 1 <= max_batch_rows <= max_running_rows:
            raise ValueError("max_running_rows must be at least max_batch_rows, and both positive")
        self._max_batch_rows = max_batch_rows
        self._max_running_rows = max_running_rows
        self._max_waiting = max_waiting
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
    def idle(self) -> bool:
        """True when there is nothing to do."""
        return not self._waiting and not self._running

    def submit(self, entry: Entry) -> int:
        """Queue a request and return how many are ahead of it. Raises QueueFullError."""
        if len(self._waiting) >= self._max_waiting:
            raise QueueFullError
        position = sum(1 for other in self._waiting.values() if self._rank(other) >= entry.priority)
        self._waiting[entry.id] = _Waiting(entry, self._arrivals, self._admissions)
        self._arrivals += 1
        return position

    def cancel(self, request_id: int) -> None:
        """Mark a request; the next `admit` drops it. Unknown ids are ignored."""
        if request_id in self._waiting or request_id in self._running:
            self._cancelled.add(request_id)

    def admit(self, now: float) -> Admission:
        """Drop what is cancelled or expired, then admit what fits; the first in rank is never skipped."""
        dropped = [*self._drop(self._waiting, now), *self._drop(self._running, now)]
        self._cancelled.clear()
        started: list[int] = []
        room = self._max_running_rows - sum(self._weight(run.stage) for run in self._running.values())
        while self._waiting:
            first = max(self._waiting.values(), key=lambda item: (self._rank(item), -item.arrival))
            weight = self._weight(first.entry.stage)
            if weight > room:
                break
            room -= weight
            del self._waiting[first.entry.id]
            self._admissions += 1
            self._running[first.entry.id] = _Running(
                first.entry, first.entry.stage, first.arrival, last_turn=self._turn
            )
            started.append(first.entry.id)
        return Admission(tuple(dropped), tuple(started))

    def next_batch(self) -> Batch | None:
        """Rows of the stage key whose request waited longest for a turn, filled with others of that key."""
        if not self._running:
            return None
        in_turn = sorted(self._running.values(), key=lambda run: (run.last_turn, run.arrival))
        key = in_turn[0].stage.key
        slices: list[Slice] = []
        room = self._max_batch_rows
        for run in in_turn:
            if run.stage.key == key and room:
                stop = min(run.stage.rows, run.row + room)
                slices.append(Slice(run.entry.id, run.step, run.row, stop))
                room -= stop - run.row
        return Batch(key, tuple(slices))

    def complete(self, batch: Batch) -> list[StepDone]:
        """Record that a batch ran and return the steps it completed; requests removed since are ignored."""
        self._turn += 1
        done: list[StepDone] = []
        for part in batch.slices:
            run = self._running.get(part.id)
            if run is None:
                continue
            run.last_turn = self._turn
            run.row = part.stop
            if run.row == run.stage.rows:
                run.row = 0
                run.step += 1
                done.append(StepDone(part.id, run.step, run.step == run.stage.steps))
        return done

    def continue_with(self, request_id: int, stage: Stage) -> None:
        """Let a running request go on with another stage."""
        run = self._running[request_id]
        run.stage, run.step, run.row = stage, 0, 0

    def remove(self, request_id: int) -> None:
        """Forget a request, finished or failed. Unknown ids are ignored."""
        self._running.pop(request_id, None)
        self._waiting.pop(request_id, None)
        self._cancelled.discard(request_id)

    def ids(self) -> tuple[int, ...]:
        """Ids of all requests, waiting and running."""
        return (*self._waiting, *self._running)

    def _rank(self, item: _Waiting) -> int:
        overtaken = self._admissions - item.admissions_before
        return item.entry.priority + overtaken // AGING_ADMISSIONS

    def _weight(self, stage: Stage) -> int:
        return min(stage.rows, self._max_batch_rows)

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
