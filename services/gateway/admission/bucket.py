"""A rate limit: a token bucket that may go into debt."""


class Bucket:
    """Holds at most a minute's worth and fills evenly; it begins full. Times are in seconds of one clock.

    What a request will use is known only when it ends, so that an estimate is taken first and corrected later; a
    level below zero is waited out by whoever comes next.
    """

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self._level = float(per_minute)
        self._at = now

    def resize(self, per_minute: int, now: float) -> None:
        """Another rate from now on; debts stay."""
        self._level = min(self.level(now), float(per_minute))
        self._at, self.per_minute = max(now, self._at), per_minute

    def level(self, now: float) -> float:
        """What is there."""
        grown = self._level + max(0.0, now - self._at) * self.per_minute / 60
        return min(float(self.per_minute), grown)

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until so much is there; more than the bucket holds is waited for until it is full."""
        missing = min(amount, self.per_minute) - self.level(now)
        return max(0.0, missing) * 60 / self.per_minute

    def take(self, amount: float, now: float) -> None:
        """Take, into debt if need be; a negative amount gives back."""
        self._level = min(self.level(now) - amount, float(self.per_minute))
        self._at = max(now, self._at)
