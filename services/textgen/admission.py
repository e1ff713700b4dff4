"""How many may wait, and when to come back."""

from collections import deque
from collections.abc import Callable

from serving.errors import Overloaded

from textgen.metrics import ModelMetrics


class Admission:
    """Counts those who wait for a place in a batch, and refuses more than max_waiting. Times are in seconds."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self.waiting = 0
        self._served: deque[float] = deque(maxlen=64)

    def enter(self) -> None:
        """Take a place in the queue, or raise Overloaded with a time from the recent rate."""
        if self.waiting >= self._max_waiting:
            raise Overloaded(f"{self.waiting} requests wait already", self.retry_after_s())
        self.waiting += 1

    def leave(self, now: float, *, served: bool) -> None:
        """Give the place back, by being served or by going away."""
        self.waiting -= 1
        if served:
            self._served.append(now)

    def retry_after_s(self) -> float:
        """Time in which half of those who wait will be served at the recent rate, 0.1 to 30 s; 1 s if unknown."""
        if len(self._served) < 2 or self._served[-1] <= self._served[0]:
            return 1.0
        rate = (len(self._served) - 1) / (self._served[-1] - self._served[0])
        return min(30.0, max(0.1, self.waiting / 2 / rate))


class Ticket:
    """A place in the queue, given back once: when served, or when the request goes away."""

    def __init__(self, admission: Admission, metrics: ModelMetrics, clock: Callable[[], float]) -> None:
        """Overloaded, and counted as such, when the queue is full."""
        try:
            admission.enter()
        except Overloaded:
            metrics.refused("overloaded")
            raise
        self._admission = admission
        self._metrics = metrics
        self._clock = clock
        self._held = True
        metrics.waits(admission.waiting)

    def served(self) -> None:
        """Its turn came."""
        self._leave(served=True)

    def gone(self) -> None:
        """It is not waiting any more, whatever the reason."""
        self._leave(served=False)

    def _leave(self, *, served: bool) -> None:
        if self._held:
            self._held = False
            self._admission.leave(self._clock(), served=served)
            self._metrics.waits(self._admission.waiting)
