"""Measures a few steps of each model before it serves, so that row caps and forecasts begin with figures."""

import dataclasses
import time
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry

from imagegen.batch_runner import BatchRunner
from imagegen.denoising import DenoisingTask
from imagegen.domain import Capability, GenerateRequest
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel
from imagegen.models.passes import Passes
from imagegen.planning import plan_generate
from imagegen.prompts import PromptCache
from imagegen.registry import ModelRegistry
from imagegen.scheduler import Batch, Slice
from imagegen.specs import DenoiseSpec
from imagegen.step_profile import StepProfile
from imagegen.validation import Limits

log = structlog.get_logger(__name__)

# Of so many passes, or two, the fastest counts: the first allocates and compiles.
_REPEATS = 3


class WarmUp:
    """Runs each denoising model's default request at 1, 2, 4, ... images. Used by the device thread."""

    def __init__(
        self,
        runner: BatchRunner,
        profile: StepProfile,
        limits: Limits,
        passes: Passes,
        *,
        max_rows: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Up to `max_rows` images, and about `seconds` for all models; of each, one pass is run in any case."""
        self._runner = runner
        self._profile = profile
        self._limits = limits
        self._passes = passes
        self._max_rows = max_rows
        self._seconds = seconds
        self._clock = clock
        self._prompts = PromptCache(2, ImagegenMetrics(CollectorRegistry()))  # nobody asked for these

    def run(self, models: ModelRegistry) -> None:
        """Measure what `models` has."""
        begun = self._clock()
        denoising = [
            model
            for model in models.models
            if isinstance(model, DiffusionModel) and Capability.GENERATE in model.description.capabilities
        ]
        for count, model in enumerate(denoising, start=1):
            labels = model.description.labels
            request = GenerateRequest(model.description.id, labels[0] if labels else "")
            spec = plan_generate(request, models, self._limits)
            self._measure(model, spec, begun + self._seconds * count / len(denoising))
        log.info("warmed_up", models=len(denoising), seconds=round(self._clock() - begun, 3))

    def _measure(self, model: DiffusionModel, spec: DenoiseSpec, until: float) -> None:
        rows, fits, seconds = 1, True, 0.0
        while self._clock() + 4 * seconds < until:  # two passes, each at most twice as long
            seeded = dataclasses.replace(spec, seeds=tuple(range(rows)))
            task = DenoisingTask(0, model, seeded, self._prompts, passes=self._passes)
            task.begin()
            key, evaluations = task.stage.key, rows * task.stage.evaluations
            passes: list[float] = []
            least = min(rows, 2)
            while fits and (len(passes) < least or (len(passes) < _REPEATS and self._clock() < until)):
                ran = self._runner.run(Batch(key, (Slice(0, 0, 0, rows),), evaluations, 1.0), {0: task})
                passes.append(ran.spent.seconds)
                for most in ran.exhausted:
                    self._profile.exhausted(key, most)
                fits = not ran.repeated and not ran.failures
            if fits:
                seconds = min(passes)
                self._profile.learn(key, evaluations, seconds)
            log.info("measured", model=spec.model, images=rows, seconds=round(seconds, 5), fits=fits)
            if rows == self._max_rows or not fits:
                # Where time ran out before, more rows may be better than any that were seen.
                self._profile.settle(key)
                break
            rows = min(2 * rows, self._max_rows)
