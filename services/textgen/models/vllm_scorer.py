"""vLLM behind the port Scoring: likelihoods are the log-probabilities of prompts."""

import asyncio
import time
from collections.abc import Callable, Sequence

from textgen.admission import Admission, Ticket
from textgen.domain import Timings
from textgen.metrics import ModelMetrics
from textgen.models import vllm_params
from textgen.models.vllm_engine import VllmEngine
from textgen.served import ScoreItem


class VllmScorer:
    """Scores items side by side; where the condition is empty, it is the model's start token."""

    def __init__(
        self,
        *,
        engine: VllmEngine,
        admission: Admission,
        start_token: int | None,
        metrics: ModelMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without a start token the first target of an empty condition has no log-probability."""
        self._engine = engine
        self._admission = admission
        self._start = [] if start_token is None else [start_token]
        self._metrics = metrics
        self._clock = clock

    async def submit(
        self, items: Sequence[ScoreItem], deadline: float | None
    ) -> tuple[list[list[float]], Timings]:
        """Log-probabilities in nats of each item's targets. Overloaded, DeadlineUnreachable, or the engine's."""
        tokens = sum(len(condition) + len(targets) for condition, targets in items)
        ticket = Ticket(self._admission, self._metrics, self._clock, tokens=tokens, deadline=deadline)
        try:
            async with asyncio.TaskGroup() as group:
                runs = [group.create_task(self._score(*item)) for item in items]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            ticket.gone()
        answers = [run.result() for run in runs]
        stamps = [stamp for _, stamp in answers if stamp is not None]
        timings = vllm_params.timings(stamps, before_s=0.0)
        self._metrics.ended(timings)
        return [values for values, _ in answers], timings

    async def _score(
        self, condition: Sequence[int], targets: Sequence[int]
    ) -> tuple[list[float], vllm_params.Stamps | None]:
        if not (given := [*condition] or self._start):
            given, targets = [*targets[:1]], targets[1:]
        if not targets:
            return [], None
        prompt = [*given, *targets[:-1]]
        outputs = self._engine.stream(
            prompt, vllm_params.score_arguments(targets[-1]), name="score", deltas=False
        )
        (answer,) = [output async for output in outputs]
        read = answer.prompt_logprobs[len(given) :]
        values = [entries[token_id].logprob for entries, token_id in zip(read, targets[:-1], strict=True)]
        values.append(answer.outputs[0].logprobs[0][targets[-1]].logprob)
        self._metrics.read(len(prompt))
        return [float(value) for value in values], answer.metrics
