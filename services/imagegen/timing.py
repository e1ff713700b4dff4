"""Where a request's time goes: phases that follow each other without gap or overlap."""

from typing import Literal

from imagegen.events import Timings

Phase = Literal["queue", "encode", "denoise", "decode"]


class PhaseClock:
    """Adds up seconds a phase; every moment belongs to the phase entered last. The caller gives the time."""

    def __init__(self, now: float) -> None:
        """Starts in the queue phase."""
        self._phase: Phase = "queue"
        self._since = now
        self.started = now
        self.device_seconds = 0.0
        self.seconds: dict[Phase, float] = {"queue": 0.0, "encode": 0.0, "denoise": 0.0, "decode": 0.0}

    def enter(self, phase: Phase, now: float) -> None:
        """Close the current phase and enter `phase`."""
        self.seconds[self._phase] += now - self._since
        self._phase, self._since = phase, now

    def timings(self, now: float) -> Timings:
        """All phases up to now."""
        self.enter(self._phase, now)
        return Timings(
            queue_ms=1e3 * self.seconds["queue"],
            encode_ms=1e3 * self.seconds["encode"],
            denoise_ms=1e3 * self.seconds["denoise"],
            decode_ms=1e3 * self.seconds["decode"],
            device_ms=1e3 * self.device_seconds,
        )
