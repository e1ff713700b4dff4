"""When a user's requests are due. Pure."""

from collections.abc import Sequence


class Schedule:
    """Intended starts, `interval` seconds apart from `first`, each with the request whose turn it is.

    They do not wait for answers: a user whose server is slow falls behind, its later requests start at once, and
    their latency counts from when they were due (otherwise a stall would hide the requests it held up).
    """

    def __init__(self, first: float, interval: float, turns: Sequence[str]) -> None:
        self._next = first
        self._interval = interval
        self._turns = turns
        self._taken = 0

    def wait_s(self, now: float) -> float:
        """Seconds until the next is due; 0 when it is late."""
        return max(0.0, self._next - now)

    def take(self) -> tuple[float, str]:
        """The next: when it was due, and which request it is."""
        due, turn = self._next, self._turns[self._taken % len(self._turns)]
        self._next += self._interval
        self._taken += 1
        return due, turn

    def unsent(self, end: float) -> list[str]:
        """The requests that were due before `end` and not taken; they are taken now."""
        missed = []
        while self._next < end:
            missed.append(self.take()[1])
        return missed
