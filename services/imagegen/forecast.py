"""When a request would be done and when there is room again, from measured steps. Pure: no torch, no clock.

Forecasts are the best that can happen: what runs ahead is done in the order that frees rows soonest, in full batches,
and only steps count whose time is known. So whoever is refused by one would not have been done in time.
"""

from collections.abc import Iterable

from imagegen.scheduler import Entry, Scheduler, Stage
from imagegen.step_profile import StepProfile


class Forecast:
    """Looks ahead in a scheduler's queue with the step times of a profile."""

    def __init__(self, scheduler: Scheduler, profile: StepProfile) -> None:
        self._scheduler = scheduler
        self._profile = profile

    def finish_s(self, entry: Entry) -> float | None:
        """Seconds until the current stage of `entry`, not submitted yet, is done; None while its steps are unknown."""
        stage = entry.stage
        rows = self._batch_evaluations(stage)
        full, rest = divmod(stage.rows * stage.evaluations, rows)
        step = self._profile.seconds(stage.key, rows)
        last = self._profile.seconds(stage.key, rest)
        if step is None or last is None:
            return None
        ahead = [*self._scheduler.running_stages(), *self._scheduler.waiting_stages(entry.priority)]
        room = self._scheduler.max_running_rows - self._scheduler.weight(stage)
        return self._drained_s(ahead, room) + stage.steps * (full * step + last)

    def half_queue_s(self) -> float | None:
        """Seconds until half of the rows that wait have started; None while no steps are known."""
        waiting = list(self._scheduler.waiting_stages())
        every = [*self._scheduler.running_stages(), *waiting]
        if all(self._work_s(stage) == 0 for stage in every):
            return None
        half = sum(map(self._scheduler.weight, waiting)) // 2
        return self._drained_s(every, self._scheduler.max_running_rows + half)

    def _drained_s(self, stages: Iterable[Stage], rows_left: int) -> float:
        """Device seconds until so many of the stages are done that the rest weighs `rows_left` rows."""
        weighed = [(self._work_s(stage), self._scheduler.weight(stage)) for stage in stages]
        excess = sum(weight for _, weight in weighed) - rows_left
        seconds = 0.0
        for work, weight in sorted(weighed, key=lambda item: item[0] / item[1]):
            if excess <= 0:
                break
            seconds += work * min(1.0, excess / weight)
            excess -= weight
        return seconds

    def _work_s(self, stage: Stage) -> float:
        """Device seconds of a stage in full batches; 0 where its steps are unknown."""
        rows = self._batch_evaluations(stage)
        seconds = self._profile.seconds(stage.key, rows) or 0.0
        return stage.steps * stage.rows * stage.evaluations * seconds / rows

    def _batch_evaluations(self, stage: Stage) -> int:
        most = min(
            self._profile.max_evaluations(stage.key), self._scheduler.max_batch_rows * stage.evaluations
        )
        return max(most - most % stage.evaluations, stage.evaluations)
