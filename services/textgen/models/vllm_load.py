"""What a vLLM engine is doing: the running sequences, its cache, and whether it still makes progress."""

import time
from collections.abc import Callable
from typing import Any

from textgen.metrics import ModelMetrics


class EngineLoad:
    """Counts of one engine; event loop only. Times are in seconds."""

    def __init__(self, metrics: ModelMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._held_ratio = 0.0
        self._submitted = 0
        self._progress = 0.0
        self.running = 0

    def submitted(self) -> None:
        """A sequence was handed to the engine."""
        if not self._submitted:
            self._progress = self._clock()
        self._submitted += 1

    def started(self) -> None:
        """A sequence has its first token."""
        self.running += 1
        self._report()

    def progressed(self) -> None:
        """The engine answered something."""
        self._progress = self._clock()

    def left(self, *, started: bool) -> None:
        """A sequence ended or was given up."""
        self._submitted -= 1
        self.running -= started
        if not self._submitted:
            self._held_ratio = 0.0  # an idle engine says nothing more
        self._report()

    def stalled(self, seconds: float) -> bool:
        """Whether sequences wait or run and nothing was heard for so long."""
        return self._submitted > 0 and self._clock() - self._progress > seconds

    def measured(self, scheduler: Any, iteration: Any) -> None:
        """A step's statistics, as vLLM's stat loggers get them."""
        if scheduler is not None:
            self._held_ratio = scheduler.kv_cache_usage
            self._report()
        if scheduler is not None and iteration is not None:
            tokens = iteration.num_generation_tokens + iteration.num_prompt_tokens
            self._metrics.passed(rows=max(1, scheduler.num_running_reqs), tokens=tokens, joules=None)
            prefixes = scheduler.prefix_cache_stats  # without those who were preempted and come back
            self._metrics.planned(
                preempted=iteration.num_preempted_reqs, looked_up=prefixes.queries, found=prefixes.hits
            )

    def _report(self) -> None:
        self._metrics.batch(running=self.running, held_ratio=self._held_ratio)


def stat_logger(load: EngineLoad) -> Callable[..., Any]:
    """A factory of vLLM's: its stat logger that feeds `load`. Needs vLLM."""
    from vllm.v1.metrics.loggers import StatLoggerBase

    class LoadLogger(StatLoggerBase):  # type: ignore[misc]
        def __init__(self, vllm_config: Any, engine_index: int = 0) -> None: ...

        def record(
            self, scheduler_stats: Any = None, iteration_stats: Any = None, *_: Any, **__: Any
        ) -> None:
            load.measured(scheduler_stats, iteration_stats)

        def log_engine_initialized(self) -> None: ...

    return LoadLogger
