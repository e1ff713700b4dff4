"""vLLM behind the port Generator: admission, constraints and text are ours, scheduling and sampling are vLLM's.

Each sequence of a task is a request of its own there; all share their prompt in vLLM's prefix cache.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence

from serving.errors import DeadlineUnreachable

from textgen.admission import Admission, Ticket
from textgen.channel import EventChannel
from textgen.codec import TokenCodec
from textgen.detokenizer import Detokenizer
from textgen.domain import Finished, GenerationTask, GeneratorEvent, Usage
from textgen.metrics import ModelMetrics
from textgen.models import vllm_params
from textgen.models.base import Constraint
from textgen.models.vllm_engine import VllmEngine
from textgen.models.vllm_sequence import VllmSequence
from textgen.prompt_logprobs import PromptTeller
from textgen.sequence import SequenceState
from textgen.stops import StopMatcher
from textgen.structured import StructuredCompiler


class VllmGenerator:
    """Implements the port Generator."""

    def __init__(
        self,
        *,
        engine: VllmEngine,
        admission: Admission,
        compiler: StructuredCompiler,
        codec: TokenCodec,
        end_ids: frozenset[int],
        metrics: ModelMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._admission = admission
        self._compiler = compiler
        self._codec = codec
        self._end_ids = end_ids
        self._metrics = metrics
        self._clock = clock

    async def generate(self, task: GenerationTask) -> AsyncGenerator[GeneratorEvent, None]:
        """Deltas of the task's sequences, then Finished; closing the iterator aborts them in vLLM.

        InvalidInput for what vLLM or a grammar does not take; Overloaded when too many wait; DeadlineUnreachable
        when the deadline passes before the first token; Unavailable when the engine has died.
        """
        arrived = self._clock()
        vllm_params.check(task.sampling)
        ticket = Ticket(
            self._admission, self._metrics, self._clock, tokens=len(task.prompt), deadline=task.deadline
        )
        try:
            constraints: list[Constraint | None] = [None] * task.sampling.n
            if task.sampling.structured_output is not None:
                constraints = list(
                    await self._compiler.compile(task.sampling.structured_output, task.sampling.n)
                )
            channel = EventChannel(asyncio.get_running_loop(), task.delta_interval_s)
            sequences = [
                self._sequence(task, index, constraint, channel)
                for index, constraint in enumerate(constraints)
            ]
            job = asyncio.create_task(self._answer(task, sequences, channel, ticket, arrived))
            try:
                async for event in channel.events():
                    yield event
            finally:
                job.cancel()
                await asyncio.wait([job])
        finally:
            ticket.gone()

    async def _answer(
        self,
        task: GenerationTask,
        sequences: Sequence[VllmSequence],
        channel: EventChannel,
        ticket: Ticket,
        arrived: float,
    ) -> None:
        submitted = self._clock()
        try:
            left = None if task.deadline is None else task.deadline - submitted
            async with asyncio.timeout(left) as limit, asyncio.TaskGroup() as group:
                begun = asyncio.Event()

                def on_first() -> None:
                    begun.set()
                    ticket.served()
                    limit.reschedule(None)  # from here on the call's own deadline ends it

                for sequence in sequences:
                    group.create_task(sequence.follow(on_first))
                    if task.sampling.prompt_logprobs is not None:  # they come before any sequence's deltas
                        await begun.wait()
            finished = self._finished(task, sequences, submitted - arrived)
            self._metrics.ended(finished.timings, tuple(each.finish_reason for each in finished.sequences))
            channel.send(finished=finished)
        except TimeoutError:
            self._metrics.refused("deadline")
            channel.send(error=DeadlineUnreachable("the deadline passed while the request waited"))
        except ExceptionGroup as failures:
            channel.send(error=failures.exceptions[0])
        except Exception as error:
            channel.send(error=error)

    def _sequence(
        self, task: GenerationTask, index: int, constraint: Constraint | None, channel: EventChannel
    ) -> VllmSequence:
        rules, structured = task.sampling, task.sampling.structured_output
        vocabulary = self._codec.vocabulary
        asks_prompt = index == 0 and rules.prompt_logprobs is not None
        outputs = self._engine.stream(
            task.prompt,
            vllm_params.arguments(task, index, self._end_ids),
            name=task.request_id,
            priority=vllm_params.priority(task),
            structured=None if structured is None else vllm_params.structured_arguments(structured),
        )
        state = SequenceState(
            index,
            max_tokens=task.max_tokens,
            end_ids=frozenset(vllm_params.stop_ids(rules, self._end_ids)),
            stops=StopMatcher(rules.stop),
            detokenizer=Detokenizer(
                vocabulary, starts_text=vocabulary.begins_text(task.prompt), shown=task.shown
            ),
            constraint=constraint,  # a copy of the one in vLLM, that says when nothing more may follow
            describe=None if rules.logprobs is None else vocabulary.text_of,
        )
        return VllmSequence(
            outputs,
            state,
            prompt=task.prompt,
            top=rules.logprobs or 0,
            channel=channel,
            metrics=self._metrics,
            teller=PromptTeller(vocabulary.text_of) if asks_prompt else None,
            prompt_top=rules.prompt_logprobs or 0,
            clock=self._clock,
        )

    @staticmethod
    def _finished(task: GenerationTask, sequences: Sequence[VllmSequence], before_s: float) -> Finished:
        usage = Usage(
            len(task.prompt),
            sum(sequence.token_count for sequence in sequences),
            min(sequence.cached for sequence in sequences),
        )
        stamps = [sequence.stamps for sequence in sequences if sequence.stamps is not None]
        return Finished(
            tuple(sequence.result() for sequence in sequences),
            usage,
            vllm_params.timings(stamps, before_s=before_s),
        )
