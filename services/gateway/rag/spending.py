"""What an answer takes: milliseconds by stage, and joules."""

import contextlib
import time
from collections.abc import Callable, Iterator

from serving.energy import added

from gateway.domain.answer import AskTimings


class Spending:
    """Adds up from the moment it is made."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._stages: dict[str, float] = {}  # when the one in progress began
        self._ms: dict[str, float] = {}
        self._joules: float | None = 0.0

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count what runs within to a stage."""
        self._stages[stage] = self._clock()
        try:
            yield
        finally:
            self._ms[stage] = self._ms.get(stage, 0.0) + self._since(stage)

    def mark(self, moment: str, *, since: str) -> None:
        """Count to a moment the time since a stage began; the first time only."""
        self._ms.setdefault(moment, self._since(since))

    def add_joules(self, joules: float | None) -> None:
        """Count a model's pass; None where it was not metered, and then the sum is not known either."""
        self._joules = added(self._joules, joules, 1.0)

    def timings(self) -> AskTimings:
        """What was counted so far."""
        stages = {f"{stage}_ms": ms for stage, ms in self._ms.items()}
        return AskTimings(**stages, total_ms=(self._clock() - self._begun) * 1000, energy_joules=self._joules)

    def _since(self, stage: str) -> float:
        return (self._clock() - self._stages[stage]) * 1000
