"""The running batch of one decoder: the lane in which sequences join, step and leave. Device thread only."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import structlog
from serving.energy import EnergyMeter, added
from serving.errors import DeadlineUnreachable, QuadrilleError, Unavailable

from textgen.channel import EventChannel, wake
from textgen.domain import Delta, Finished, GenerationTask, Timings, Usage
from textgen.metrics import ModelMetrics
from textgen.models.base import DecoderRunner, RowKey, RowSpec, Sampled
from textgen.prompt_logprobs import PromptTeller
from textgen.scheduler import Entry, Scheduler, Span
from textgen.sequence import SequenceState
from textgen.worker import LeftBehindError

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
    joules: float | None = 0.0
    open: set[int] = field(default_factory=set)
    restarts: int = 0
    cached: int | None = None  # tokens of the prompt whose computation was reused, once it is begun
    teller: PromptTeller | None = None  # where the prompt's log-probabilities are asked for

    def keys(self) -> list[RowKey]:
        """Its rows."""
        return [row.key for row in self.rows]

    def finished(self) -> Finished:
        """The last event, once every sequence has ended."""
        scheduled = self.scheduled or self.arrived
        first = self.first_token or scheduled
        return Finished(
            tuple(sequence.result() for sequence in self.sequences),
            Usage(
                len(self.task.prompt),
                sum(sequence.token_count for sequence in self.sequences),
                self.cached or 0,
            ),
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
        speculates: bool = False,
        measured: Callable[[int, float], None] = lambda tokens, seconds: None,
        computing: Callable[[], AbstractContextManager[None]] = nullcontext,
        meter: EnergyMeter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = runner
        self._scheduler = scheduler
        self._metrics = metrics
        self._speculates = speculates
        self._measured = measured
        self._computing = computing
        self._meter = meter
        self._clock = clock
        self._jobs: dict[int, Job] = {}

    def submit(self, job: Job) -> None:
        """Queue a request's rows; those after the first share its prompt's blocks."""
        self._jobs[job.number] = job
        job.open = set(range(len(job.rows)))
        self._queue(job)

    def _queue(self, job: Job) -> None:
        first, job.cached = job.rows[0].key, None
        for row in job.rows:
            self._scheduler.add(
                Entry(
                    row.key,
                    row.prompt,
                    job.task.max_tokens,
                    job.task.priority,
                    job.task.deadline,
                    fork=None if row.key == first else first,
                    speculative=self._speculates and row.constraint is None,
                    scored=job.teller is not None and row.key == first,
                    adapter=job.task.adapter,
                )
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

    def restart(self) -> None:
        """Begin anew with another runner and an empty cache.

        Requests of which nothing was sent yet wait again; others fail, and so do those it happens to twice.
        """
        self._scheduler, self._runner = self._scheduler.renewed(), self._runner.renewed()
        for number, job in list(self._jobs.items()):
            job.restarts += job.scheduled is not None
            if job.first_token is not None or job.restarts > 1:
                self._fail(number, Unavailable("the device got stuck, and the answer so far is lost"))
            else:
                self._queue(job)

    def close(self) -> None:
        """Fail everything unfinished."""
        for number in list(self._jobs):
            self._fail(number, Unavailable("the server is shutting down"))

    def step(self) -> None:
        """One pass: a token more for every running sequence, and as much of the prompts as there is room for."""
        now = self._clock()
        plan = self._scheduler.plan(now)
        for number in {number for number, _ in plan.expired}:
            self._metrics.refused("deadline")
            self._fail(number, DeadlineUnreachable("the deadline passed while the request waited"))
        for number, index in plan.joined:
            if (job := self._jobs.get(number)) is not None:
                self._runner.join(job.rows[index])
                if job.scheduled is None:
                    job.scheduled = now
                    job.on_scheduled()
        self._metrics.planned(preempted=len(plan.preempted), looked_up=plan.looked_up, found=plan.found)
        try:
            self._runner.copy(plan.copies)
        except Exception as error:  # what was to be copied is missing for whoever goes on from it
            for number in {span.key[0] for span in plan.spans}:
                self._fail(number, error)
        if spans := [span for span in plan.spans if span.key[0] in self._jobs]:
            self._pass(spans)
        self._report()

    def _pass(self, spans: Sequence[Span]) -> None:
        """Compute spans together or, when that fails, by halves: only who can't be computed alone fails.

        The device may also have too little memory for all at once; the cache itself was allocated beforehand.
        """
        started = self._clock()
        if self._meter is not None:
            self._meter.joules()
        try:
            with self._computing():
                stepped = self._runner.step(spans)
        except LeftBehindError:
            raise
        except Exception as error:
            if len(spans) == 1:
                self._fail(spans[0].key[0], error)
            else:
                middle = len(spans) // 2
                for half in (spans[:middle], spans[middle:]):
                    if left := [span for span in half if span.key[0] in self._jobs]:
                        self._pass(left)
            return
        now = self._clock()
        joules = None if self._meter is None else self._meter.joules()
        tokens = read = drafts = kept = 0
        for span in spans:
            job, count = self._jobs[span.key[0]], len(span.tokens)
            tokens += count
            read += count if count - span.drafts > 1 else 0
            if job.cached is None:
                job.cached = span.start
            if job.teller is not None and span.scored:
                job.channel.send(prompt=job.teller.tell(span.start + 1, stepped.scored[span.key]))
            result = stepped.chosen.get(span.key, ())
            if not isinstance(result, Exception):
                self._scheduler.complete(span, [sampled.token_id for sampled in result])
                drafts, kept = drafts + span.drafts, kept + max(0, len(result) - 1)
        self._metrics.passed(rows=len(spans), tokens=tokens, joules=joules)
        self._metrics.read(read)
        self._metrics.guessed(drafts, kept=kept)
        self._measured(read, now - started)
        for number, rows in Counter(span.key[0] for span in spans).items():
            job = self._jobs[number]
            job.device_s += now - started
            job.joules = added(job.joules, joules, rows / len(spans))
        self._absorb(stepped.chosen, now)

    def _absorb(self, results: Mapping[RowKey, Sequence[Sampled] | Exception], now: float) -> None:
        deltas: dict[int, list[Delta]] = {}
        ended: list[RowKey] = []
        wrote = 0
        for key, result in results.items():
            number, index = key
            if (job := self._jobs.get(number)) is None:  # another of its rows has just failed
                continue
            sequence = job.sequences[index]
            try:
                if isinstance(result, Exception):
                    raise result
                for sampled in result:
                    deltas.setdefault(number, []).append(sequence.accept(sampled))
                    wrote += 1
                    if sequence.finish_reason is not None:  # more may have been chosen after its end
                        break
            except Exception as error:
                self._fail(number, error)
                continue
            if sequence.finish_reason is not None:
                job.open.discard(index)
                ended.append(key)
        self._free(ended)
        self._metrics.wrote(wrote)
        told = [(job, more) for number, more in deltas.items() if (job := self._jobs.get(number)) is not None]
        wake([job.channel for job, more in told if self._put(job, more, now)])

    def _put(self, job: Job, deltas: Sequence[Delta], now: float) -> bool:
        if job.first_token is None:
            job.first_token = now
        else:
            self._metrics.between_tokens(now - job.last_token)
        job.last_token = now
        if job.open:
            return job.channel.put(deltas)
        del self._jobs[job.number]
        finished = job.finished()
        self._metrics.ended(finished.timings, tuple(each.finish_reason for each in finished.sequences))
        return job.channel.put(deltas, finished=finished)

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
        scheduler, pool = self._scheduler, self._scheduler.pool
        self._metrics.batch(running=len(scheduler.running), held_ratio=pool.held / pool.count)
