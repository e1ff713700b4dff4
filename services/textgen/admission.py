"""How many may wait, with how many tokens; who would come too late; and when to come back."""

from collections import deque
from collections.abc import Callable

from serving.errors import DeadlineUnreachable, Overloaded
from serving.retry_delay import retry_delay_s

from textgen.metrics import ModelMetrics

_FORGETTING = 0.99  # of the best rate, with each slower pass
_TELLING = 64  # tokens: a pass over fewer says little of how fast many are read


class Admission:
    """Counts those who wait for a place in a batch, and their tokens. Times are in seconds.

    At most max_waiting wait, with at most max_waiting_tokens between them; one that waits alone may have more.
    """

    def __init__(self, max_waiting: int, max_waiting_tokens: int) -> None:
        self._max_waiting = max_waiting
        self._max_waiting_tokens = max_waiting_tokens
        self.waiting = 0
        self.waiting_tokens = 0
        self._served: deque[float] = deque(maxlen=64)
        self._rate = 0.0  # tokens a second, at best; 0 as long as none were read

    def enter(self, tokens: int, deadline: float | None, now: float) -> None:
        """Take a place in the queue.

        Overloaded, with a time from the recent rate, when there is none. DeadlineUnreachable when the tokens that
        wait before it, and its own, can't be read by the deadline even at the best rate that was seen.
        """
        if deadline is not None and now + self.reading_s(tokens) >= deadline:
            raise DeadlineUnreachable("the prompt can't be read before the deadline")
        if self.waiting >= self._max_waiting:
            raise Overloaded(f"{self.waiting} requests wait already", self.retry_after_s())
        if self.waiting and self.waiting_tokens + tokens > self._max_waiting_tokens:
            raise Overloaded(f"{self.waiting_tokens} tokens wait already", self.retry_after_s())
        self.waiting += 1
        self.waiting_tokens += tokens

    def leave(self, tokens: int, now: float, *, served: bool) -> None:
        """Give the place back, by being served or by going away."""
        self.waiting -= 1
        self.waiting_tokens -= tokens
        if served:
            self._served.append(now)

    def measured(self, tokens: int, seconds: float) -> None:
        """A pass read so many tokens of prompts; from any thread."""
        if tokens >= _TELLING and seconds > 0:
            self._rate = max(tokens / seconds, self._rate * _FORGETTING)

    def reading_s(self, tokens: int) -> float:
        """Time in which all tokens that wait, and these, are read; 0 if the rate is unknown."""
        return (self.waiting_tokens + tokens) / self._rate if self._rate else 0.0

    def retry_after_s(self) -> float:
        """Time in which half of those who wait will be served at the recent rate, 0.1 to 30 s; 1 s if unknown."""
        if len(self._served) < 2 or self._served[-1] <= self._served[0]:
            return retry_delay_s(None)
        rate = (len(self._served) - 1) / (self._served[-1] - self._served[0])
        return retry_delay_s(self.waiting / 2 / rate)


class Ticket:
    """A place in the queue, given back once: when served, or when the request goes away."""

    def __init__(
        self,
        admission: Admission,
        metrics: ModelMetrics,
        clock: Callable[[], float],
        *,
        tokens: int,
        deadline: float | None,
    ) -> None:
        """Overloaded or DeadlineUnreachable, and counted as such."""
        try:
            admission.enter(tokens, deadline, clock())
        except (Overloaded, DeadlineUnreachable) as error:
            metrics.refused("overloaded" if isinstance(error, Overloaded) else "deadline")
            raise
        self._admission = admission
        self._metrics = metrics
        self._clock = clock
        self._tokens = tokens
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
            self._admission.leave(self._tokens, self._clock(), served=served)
            self._metrics.waits(self._admission.waiting)
