"""Where a request's time went, and its part of what the device spent."""

from typing import Literal

from serving.energy import added

from imagegen.device_meter import Spent
from imagegen.events import Timings

Phase = Literal["queue", "encode", "denoise", "decode"]


class PhaseClock:
    """Adds up seconds a phase; every moment belongs to the phase entered last. The caller gives the time."""

    def __init__(self, now: float) -> None:
        """Starts in the queue phase."""
        self._phase: Phase = "queue"
        self._since = now
        self.started = now
        self.seconds: dict[Phase, float] = {"queue": 0.0, "encode": 0.0, "denoise": 0.0, "decode": 0.0}
        self._device_seconds = 0.0
        self._share_seconds = 0.0
        self._joules: float | None = 0.0
        self._occupancies = 0.0
        self._passes = 0

    def enter(self, phase: Phase, now: float) -> None:
        """Close the current phase and enter `phase`."""
        self.seconds[self._phase] += now - self._since
        self._phase, self._since = phase, now

    def took_part(self, spent: Spent, share: float, occupancy: float | None = None) -> None:
        """The request was `share`, above 0 and at most 1, of a batch; `occupancy` only where others could join it."""
        self._device_seconds += spent.seconds
        self._share_seconds += share * spent.seconds
        self._joules = added(self._joules, spent.joules, share)
        if occupancy is not None:
            self._occupancies += occupancy
            self._passes += 1

    def timings(self, now: float) -> Timings:
        """All phases up to now."""
        self.enter(self._phase, now)
        return Timings(
            queue_ms=1e3 * self.seconds["queue"],
            encode_ms=1e3 * self.seconds["encode"],
            denoise_ms=1e3 * self.seconds["denoise"],
            decode_ms=1e3 * self.seconds["decode"],
            device_ms=1e3 * self._device_seconds,
            device_share_ms=1e3 * self._share_seconds,
            batch_occupancy=self._occupancies / self._passes if self._passes else None,
            energy_joules=self._joules,
        )
