"""Takes a server that fails again and again out of use for a while. Pure: the clock is handed in."""

import time
from collections.abc import Callable


class Ejection:
    """Whether one server may be sent calls, by how its last ones ended.

    After `threshold` failures in a row it is out for `base_s` seconds, twice as long each further time, `longest_s` at
    most, as Envoy's outlier detection has it for consecutive errors. Then it is on probation: it gets one call at a
    time, until one succeeds and it is back, or fails and it is out again. `threshold` successes in a row
    forget how often it was out.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        threshold: int = 5,
        base_s: float = 5.0,
        longest_s: float = 60.0,
    ) -> None:
        self._clock = clock
        self._threshold = threshold
        self._base_s = base_s
        self._longest_s = longest_s
        self._failures = 0  # in a row
        self._successes = 0  # in a row
        self._times = 0  # that it was taken out
        self._until: float | None = None  # None: in use
        self._trials = 0  # calls on probation that run

    @property
    def admits(self) -> bool:
        """Whether a call may be sent: it is in use, or on probation with no call running."""
        return self._until is None or (self._clock() >= self._until and not self._trials)

    def begun(self) -> bool:
        """A call is sent. True when it is a trial, which `ended` is to be told."""
        trial = self._until is not None
        self._trials += trial
        return trial

    def ended(self, fine: bool | None, trial: bool) -> bool:
        """A call ended well, badly, or in a way that says nothing (None); True when the server is now taken out.

        What began before the server was taken out says nothing of it any more.
        """
        self._trials -= trial
        if fine is None or (self._until is not None and not trial):
            return False
        if fine:
            self._until = None
            self._failures = 0
            self._successes += 1
            if self._successes >= self._threshold:
                self._times = 0
            return False
        self._successes = 0
        self._failures += 1
        if not trial and self._failures < self._threshold:
            return False
        self._failures = 0
        self._until = self._clock() + min(self._longest_s, self._base_s * 2.0**self._times)
        self._times = min(self._times + 1, 32)
        return True
