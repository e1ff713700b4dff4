"""A Generator over a model that our own scheduler steps: admission, constraints, the lane, and cancellation."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from itertools import count

from serving.errors import Unavailable

from textgen.admission import Admission, Ticket
from textgen.channel import EventChannel
from textgen.codec import TokenCodec
from textgen.detokenizer import Detokenizer
from textgen.domain import GenerationTask, GeneratorEvent
from textgen.generation import GenerationLane, Job
from textgen.metrics import ModelMetrics
from textgen.models.base import Constraint, RowSpec
from textgen.prompt_logprobs import PromptTeller
from textgen.sequence import SequenceState
from textgen.stops import StopMatcher
from textgen.structured import StructuredCompiler
from textgen.worker import DeviceWorker


class ContinuousGenerator:
    """Implements the port Generator."""

    def __init__(
        self,
        *,
        worker: DeviceWorker,
        lane: GenerationLane,
        admission: Admission,
        compiler: StructuredCompiler,
        codec: TokenCodec,
        end_ids: frozenset[int],
        metrics: ModelMetrics,
        starts_text: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """end_ids end a sequence unless it ignores them; starts_text: the answer is a text of its own."""
        self._worker = worker
        self._lane = lane
        self._admission = admission
        self._compiler = compiler
        self._codec = codec
        self._end_ids = end_ids
        self._metrics = metrics
        self._starts_text = starts_text
        self._clock = clock
        self._numbers = count()

    async def generate(self, task: GenerationTask) -> AsyncGenerator[GeneratorEvent, None]:
        """Deltas of the task's sequences, then Finished; closing the iterator frees its rows.

        Overloaded when too many wait; DeadlineUnreachable when the deadline is before the first step;
        InvalidInput when a constraint cannot be compiled.
        """
        arrived = self._clock()
        ticket = Ticket(
            self._admission, self._metrics, self._clock, tokens=len(task.prompt), deadline=task.deadline
        )
        number = next(self._numbers)
        try:
            constraints: list[Constraint | None] = [None] * task.sampling.n
            if task.sampling.structured_output is not None:
                constraints = list(
                    await self._compiler.compile(task.sampling.structured_output, task.sampling.n)
                )
            loop = asyncio.get_running_loop()
            channel = EventChannel(loop, task.delta_interval_s)
            rows = [
                RowSpec((number, index), task.prompt, task.sampling, task.seed + index, constraint)
                for index, constraint in enumerate(constraints)
            ]
            job = Job(
                number,
                task,
                rows,
                [self._sequence(task, row) for row in rows],
                channel,
                lambda: _call(loop, ticket.served),
                arrived,
                teller=None
                if task.sampling.prompt_logprobs is None
                else PromptTeller(self._codec.vocabulary.text_of),
            )
            self._worker.post(lambda: self._lane.submit(job))
            async for event in channel.events():
                yield event
        finally:
            ticket.gone()
            with contextlib.suppress(Unavailable):
                self._worker.post(lambda: self._lane.cancel(number))

    def _sequence(self, task: GenerationTask, row: RowSpec) -> SequenceState:
        rules, vocabulary = task.sampling, self._codec.vocabulary
        starts_text = self._starts_text or vocabulary.begins_text(task.prompt)
        return SequenceState(
            row.key[1],
            max_tokens=task.max_tokens,
            end_ids=rules.stop_token_ids | (frozenset() if rules.ignore_eos else self._end_ids),
            stops=StopMatcher(rules.stop),
            detokenizer=Detokenizer(vocabulary, starts_text=starts_text, shown=task.shown),
            constraint=row.constraint,
            describe=None if rules.logprobs is None else vocabulary.text_of,
        )


def _call(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the queue
        loop.call_soon_threadsafe(action)
