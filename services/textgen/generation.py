"""The running batch of one decoder: the lane in which sequences join, step and leave. Device thread only."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from serving.errors import DeadlineUnreachable, QuadrilleError, Unavailable

from textgen.channel import EventChannel
from textgen.domain import Delta, Finished, GenerationTask, Timings, Usage
from textgen.energy import RaplMeter
from textgen.metrics import ModelMetrics
from textgen.models.base import DecoderRunner, RowKey, RowSpec, Sampled
from textgen.scheduler import Entry, Scheduler
from textgen.sequence import SequenceState

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Job:
    """A request in the lane: n rows that are scheduled one by one and answered together."""

    number: int
    task: GenerationTask
    rows: Sequence[RowSpec]
    sequences: Sequence[SequenceState]
    channel: EventChannel
    on_scheduled: Callable[[], None]
    arrived: float
    scheduled: float | None = None
    first_token: float | None = None
    last_token: float = 0.0
    device_s: float = 0.0
    joules: float | None = None
    open: set[int] = field(default_factory=set)

    def keys(self) -> list[RowKey]:
        """Its rows."""
        return [row.key for row in self.rows]

    def finished(self) -> Finished:
        """The last event, once every sequence has ended."""
        scheduled = self.scheduled or self.arrived
        first = self.first_token or scheduled
        return Finished(
            tuple(sequence.result() for sequence in self.sequences),
            Usage(len(self.task.prompt), sum(sequence.token_count for sequence in self.sequences)),
            Timings(
                queue_ms=(scheduled - self.arrived) * 1e3,
                prefill_ms=(first - scheduled) * 1e3,
                decode_ms=(self.last_token - first) * 1e3,
                device_ms=self.device_s * 1e3,
                energy_joules=self.joules,
            ),
        )


class GenerationLane:
    """Steps a runner by a scheduler's decisions. A failed pass fails its rows' requests and nothing else."""

    def __init__(
        self,
        runner: DecoderRunner,
        scheduler: Scheduler,
        metrics: ModelMetrics,
        *,
        max_batch_tokens: int,
        meter: RaplMeter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = runner
        self._scheduler = scheduler
        self._metrics = metrics
        self._max_batch_tokens = max_batch_tokens
        self._meter = meter
        self._clock = clock
        self._jobs: dict[int, Job] = {}

    def submit(self, job: Job) -> None:
        """Queue a request's rows."""
        self._jobs[job.number] = job
        job.open = set(range(len(job.rows)))
        for row in job.rows:
            self._scheduler.add(
                Entry(row.key, len(row.prompt), job.task.max_tokens, job.task.priority, job.task.deadline)
            )

    def cancel(self, number: int) -> None:
        """Free a request's rows; one that has ended is ignored."""
        if (job := self._jobs.pop(number, None)) is not None:
            self._scheduler.remove(job.keys())
            self._runner.drop(job.keys())
            self._report()

    def has_work(self) -> bool:
        """Whether a sequence waits or runs."""
        return bool(self._jobs)

    def close(self) -> None:
        """Fail everything unfinished."""
        for number in list(self._jobs):
            self._fail(number, Unavailable("the server is shutting down"))

    def step(self) -> None:
        """Let newcomers in and read their prompts, then one more token for every running sequence."""
        now = self._clock()
        decision = self._scheduler.schedule(now)
        for number in {number for number, _ in decision.expired}:
            self._metrics.refused("deadline")
            self._fail(number, DeadlineUnreachable("the deadline passed while the request waited"))
        if rows := [
            self._jobs[number].rows[index] for number, index in decision.admitted if number in self._jobs
        ]:
            for job in {row.key[0]: self._jobs[row.key[0]] for row in rows}.values():
                if job.scheduled is None:
                    job.scheduled = now
                    job.on_scheduled()
            self._metrics.read(sum(len(row.prompt) for row in rows))
            self._pass(
                lambda: self._runner.prefill(rows),
                [row.key for row in rows],
                sum(len(r.prompt) for r in rows),
            )
        if running := self._scheduler.running:
            self._pass(self._runner.decode, running, len(running), clear_on_failure=True)
        self._report()

    def _pass(
        self,
        forward: Callable[[], Mapping[RowKey, Sampled | Exception]],
        keys: Sequence[RowKey],
        tokens: int,
        *,
        clear_on_failure: bool = False,
    ) -> None:
        started = self._clock()
        if self._meter is not None:
            self._meter.joules()
        try:
            results = forward()
        except Exception as error:
            if clear_on_failure:  # part of the batch may have been stepped
                self._runner.clear()
            for number in {number for number, _ in keys}:
                self._fail(number, error)
            return
        now = self._clock()
        joules = None if self._meter is None else self._meter.joules()
        self._metrics.passed(rows=len(keys), tokens=tokens, joules=joules)
        for number in {number for number, _ in keys}:
            job = self._jobs[number]
            job.device_s += now - started
            if joules is not None:
                share = sum(key[0] == number for key in keys) / len(keys)
                job.joules = (job.joules or 0.0) + joules * share
        self._absorb(results, now)

    def _absorb(self, results: Mapping[RowKey, Sampled | Exception], now: float) -> None:
        deltas: dict[int, list[Delta]] = {}
        ended: list[RowKey] = []
        for key, result in results.items():
            number, index = key
            if (job := self._jobs.get(number)) is None:  # another of its rows has just failed
                continue
            sequence = job.sequences[index]
            try:
                if isinstance(result, Exception):
                    raise result
                deltas.setdefault(number, []).append(sequence.accept(result))
            except Exception as error:
                self._fail(number, error)
                continue
            if sequence.finish_reason is not None:
                job.open.discard(index)
                ended.append(key)
        self._free(ended)
        self._metrics.wrote(len(results))
        for number, more in deltas.items():
            if (job := self._jobs.get(number)) is not None:
                self._send(job, more, now)

    def _send(self, job: Job, deltas: Sequence[Delta], now: float) -> None:
        if job.first_token is None:
            job.first_token = now
        else:
            self._metrics.between_tokens(now - job.last_token)
        job.last_token = now
        if job.open:
            job.channel.send(deltas)
            return
        del self._jobs[job.number]
        finished = job.finished()
        self._metrics.ended(finished.timings, tuple(each.finish_reason for each in finished.sequences))
        job.channel.send(deltas, finished=finished)

    def _fail(self, number: int, error: Exception) -> None:
        if (job := self._jobs.get(number)) is None:
            return
        if not isinstance(error, QuadrilleError):
            log.error("generation_failed", request_id=job.task.request_id, exc_info=error)
        self.cancel(number)
        job.channel.send(error=error)

    def _free(self, keys: Collection[RowKey]) -> None:
        if keys:
            self._scheduler.remove(keys)
            self._runner.drop(keys)

    def _report(self) -> None:
        running = self._scheduler.running
        held = sum(
            len(job.task.prompt) * len(job.open) for job in self._jobs.values() if job.scheduled is not None
        )
        held += sum(
            job.sequences[index].token_count for number, index in running if (job := self._jobs.get(number))
        )
        self._metrics.batch(running=len(running), held_ratio=held / self._max_batch_tokens)
