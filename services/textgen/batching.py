"""One-shot forward passes (embedding, reranking, scoring, masks), collected into batches on the device thread.

Padded in arrival order, a batch of texts is slower than one text at a time; sorted by length it is twice as
fast. So for a runner that pads, each batch is grown around the item that waited longest, by its neighbours in
length, up to a budget of padded tokens. One that does not takes items as they came, up to a budget of tokens.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, count
from typing import Generic, TypeVar

import structlog
from serving.energy import EnergyMeter, added
from serving.errors import DeadlineUnreachable, QuadrilleError, Unavailable

from textgen.admission import Admission, Ticket
from textgen.domain import Timings
from textgen.metrics import ModelMetrics
from textgen.worker import DeviceWorker, LeftBehindError

log = structlog.get_logger(__name__)
T = TypeVar("T")
R = TypeVar("R")


def grow_batch(lengths: Sequence[int], *, max_rows: int, max_tokens: int) -> list[int]:
    """Places of the items that go together: the first (oldest) and those nearest to it in length.

    The batch takes at most max_rows rows and max_tokens padded tokens, but always the first.
    """
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    low = high = order.index(0)
    while high - low + 1 < max_rows:
        rows = high - low + 2
        shorter_fits = low > 0 and rows * lengths[order[high]] <= max_tokens
        longer_fits = high + 1 < len(order) and rows * lengths[order[high + 1]] <= max_tokens
        if not shorter_fits and not longer_fits:
            break
        middle = lengths[order[low]], lengths[order[high]]
        nearer = longer_fits and (
            not shorter_fits or lengths[order[high + 1]] - middle[1] < middle[0] - lengths[order[low - 1]]
        )
        low, high = (low, high + 1) if nearer else (low - 1, high)
    return order[low : high + 1]


def pack_batch(lengths: Sequence[int], *, max_tokens: int) -> list[int]:
    """Places of the oldest items that have at most max_tokens tokens together, but always of the first."""
    ends = accumulate(lengths)
    return [place for place, end in enumerate(ends) if place == 0 or end <= max_tokens]


@dataclass(slots=True)
class _Job(Generic[T, R]):
    items: Sequence[T]
    deadline: float | None
    arrived: float
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[tuple[list[R], Timings]]"
    on_scheduled: Callable[[], None]
    results: dict[int, R] = field(default_factory=dict)
    scheduled: float | None = None
    ended: float = 0.0
    device_s: float = 0.0
    joules: float | None = 0.0
    restarts: int = 0


class BatchLane(Generic[T, R]):
    """A lane of one model's one-shot passes; `submit` is called on the event loop, the rest on the device thread.

    Without max_rows, `run` does not pad, and max_tokens are those of the items themselves.
    """

    def __init__(
        self,
        run: Callable[[Sequence[T]], Sequence[R]],
        length: Callable[[T], int],
        *,
        worker: DeviceWorker,
        admission: Admission,
        metrics: ModelMetrics,
        max_rows: int | None,
        max_tokens: int,
        meter: EnergyMeter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._length = length
        self._worker = worker
        self._admission = admission
        self._metrics = metrics
        self._max_rows = max_rows
        self._max_tokens = max_tokens
        self._meter = meter
        self._clock = clock
        self._numbers = count()
        self._jobs: dict[int, _Job[T, R]] = {}
        self._pending: dict[tuple[int, int], int] = {}  # (job, place) -> length, oldest first

    async def submit(self, items: Sequence[T], deadline: float | None) -> tuple[list[R], Timings]:
        """Results in the order of items (at least one). Overloaded, DeadlineUnreachable, or the runner's error."""
        arrived = self._clock()
        tokens = sum(map(self._length, items))
        ticket = Ticket(self._admission, self._metrics, self._clock, tokens=tokens, deadline=deadline)
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        try:
            job = _Job[T, R](items, deadline, arrived, loop, loop.create_future(), ticket.served)
            self._worker.post(lambda: self._add(number, job))
            results, timings = await job.answer
        finally:
            ticket.gone()
            with contextlib.suppress(Unavailable):
                self._worker.post(lambda: self._forget(number))
        self._metrics.ended(timings)
        return results, timings

    def has_work(self) -> bool:
        """Whether an item waits."""
        return bool(self._pending)

    def restart(self) -> None:
        """Requests that were being computed are computed again; those it happens to twice fail."""
        for number, job in list(self._jobs.items()):
            if job.scheduled is not None:
                job.restarts += 1
                if job.restarts > 1:
                    self._fail(number, Unavailable("the device got stuck over this request"))

    def close(self) -> None:
        """Fail everything unfinished."""
        for number in list(self._jobs):
            self._fail(number, Unavailable("the server is shutting down"))

    def step(self) -> None:
        """Run one batch."""
        now = self._clock()
        for number, job in list(self._jobs.items()):
            if job.scheduled is None and job.deadline is not None and job.deadline <= now:
                self._metrics.refused("deadline")
                self._fail(number, DeadlineUnreachable("the deadline passed while the request waited"))
        if not self._pending:
            return
        waiting, lengths = list(self._pending), list(self._pending.values())
        if self._max_rows is None:
            places = pack_batch(lengths, max_tokens=self._max_tokens)
        else:
            places = grow_batch(lengths, max_rows=self._max_rows, max_tokens=self._max_tokens)
        self._attempt([waiting[place] for place in places])

    def _attempt(self, keys: Sequence[tuple[int, int]]) -> None:
        jobs = {number: self._jobs[number] for number, _ in keys}
        started = self._clock()
        for job in jobs.values():
            if job.scheduled is None:
                job.scheduled = started
                _call(job.loop, job.on_scheduled)
        if self._meter is not None:
            self._meter.joules()
        try:
            items = [self._jobs[number].items[place] for number, place in keys]
            with self._worker.computing():
                results = self._run(items)
        except LeftBehindError:
            raise
        except Exception as error:
            self._separate(keys, error)
            return
        ended = self._clock()
        joules = None if self._meter is None else self._meter.joules()
        tokens = sum(self._pending[key] for key in keys)
        self._metrics.passed(rows=len(keys), tokens=tokens, joules=joules)
        self._metrics.read(tokens)
        self._admission.measured(tokens, ended - started)
        for key, result in zip(keys, results, strict=True):
            del self._pending[key]
            self._jobs[key[0]].results[key[1]] = result
        for number, job in jobs.items():
            job.ended = ended
            job.device_s += ended - started
            share = sum(key[0] == number for key in keys) / len(keys)
            job.joules = added(job.joules, joules, share)
            if len(job.results) == len(job.items):
                self._answer(number)

    def _separate(self, keys: Sequence[tuple[int, int]], error: Exception) -> None:
        """A batch failed: each request that took part is tried alone, and only the guilty one fails."""
        numbers = list(dict.fromkeys(number for number, _ in keys))
        if len(numbers) == 1:
            self._fail(numbers[0], error)
            return
        for number in numbers:
            self._attempt([key for key in keys if key[0] == number])

    def _answer(self, number: int) -> None:
        job = self._jobs.pop(number)
        scheduled = job.scheduled or job.arrived
        timings = Timings(
            queue_ms=(scheduled - job.arrived) * 1e3,
            prefill_ms=(job.ended - scheduled) * 1e3,
            device_ms=job.device_s * 1e3,
            energy_joules=job.joules,
        )
        results = [job.results[place] for place in range(len(job.items))]
        _call(job.loop, lambda: None if job.answer.done() else job.answer.set_result((results, timings)))

    def _fail(self, number: int, error: Exception) -> None:
        if not isinstance(error, QuadrilleError):
            log.error("batch_failed", exc_info=error)
        job = self._jobs[number]
        self._forget(number)
        _call(job.loop, lambda: None if job.answer.done() else job.answer.set_exception(error))

    def _add(self, number: int, job: _Job[T, R]) -> None:
        self._jobs[number] = job
        for place, item in enumerate(job.items):
            self._pending[number, place] = self._length(item)

    def _forget(self, number: int) -> None:
        if (job := self._jobs.pop(number, None)) is not None:
            for place in range(len(job.items)):
                self._pending.pop((number, place), None)


def _call(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever waited
        loop.call_soon_threadsafe(action)
