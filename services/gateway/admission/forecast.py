"""What is expected of requests, from those that ended: how long they take, and how much they generate."""

import math

_KEPT = 0.95  # of what is known, at each new request


class ServiceTime:
    """Seconds that a place is held for each unit of cost; recent requests weigh more."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._units = 0.0
        self._requests = 0.0

    def saw(self, seconds: float, units: float) -> None:
        """A request ended well."""
        self._seconds = self._seconds * _KEPT + max(0.0, seconds)
        self._units = self._units * _KEPT + max(0.0, units)
        self._requests = self._requests * _KEPT + 1

    def broke_off(self, seconds: float, units: float) -> None:
        """A request ended before it was done, by its deadline most likely.

        Left out, only what is quick would be learned. What took longer already than expected is taken to need as long
        again as expected, as if times were exponential; what ended sooner says nothing.
        """
        expected = self.seconds(units)
        if 0 < expected < seconds:
            self.saw(seconds + expected, units)

    def rate(self, places: int) -> float | None:
        """Units of work a second that leave so many places when all are taken; None while nothing is known."""
        return self._units * places / self._seconds if self._seconds and self._units else None

    def seconds(self, units: float) -> float:
        """How long so much holds its place; 0 while nothing is known."""
        return units * self._seconds / self._units if self._units else 0.0

    def mean_units(self) -> float:
        """What a request costs on average."""
        return self._units / self._requests if self._requests else 0.0


class ServedRate:
    """What tenants were given lately, in units a second."""

    _SPAN_S = 5.0

    def __init__(self) -> None:
        self._weight_s = 0.0  # of the time that is looked back on
        self._of: dict[str, float] = {}
        self._all = 0.0
        self._at = 0.0
        self.weights: dict[str, float] = {}  # of those who were given anything lately

    def saw(self, tenant: str, units: float, weight: float, now: float) -> None:
        """A tenant was given so much."""
        self._age(now)
        self._of[tenant] = self._of.get(tenant, 0.0) + units
        self._all += units
        self.weights[tenant] = weight

    def of_others(self, tenant: str, now: float) -> float:
        """What all but this one were given."""
        self._age(now)
        others = max(0.0, self._all - self._of.get(tenant, 0.0))
        return others / max(self._weight_s, self._SPAN_S / 10)

    def _age(self, now: float) -> None:
        if now - self._at < self._SPAN_S / 20:
            return
        kept = math.exp((self._at - now) / self._SPAN_S)
        self._of = {tenant: units * kept for tenant, units in self._of.items() if units * kept > 0.5}
        self.weights = {tenant: self.weights[tenant] for tenant in self._of}
        self._all = self._all * kept
        self._weight_s = self._weight_s * kept + self._SPAN_S * (1 - kept)
        self._at = now


class OutputLength:
    """Tokens that an answer is expected to have."""

    def __init__(self, first: float = 128.0) -> None:
        self._mean = first

    def saw(self, tokens: int) -> None:
        """An answer ended."""
        self._mean = self._mean * _KEPT + tokens * (1 - _KEPT)

    def expect(self, at_most: int | None) -> int:
        """For a request that may generate so many."""
        expected = round(self._mean)
        return expected if at_most is None else max(0, min(expected, at_most))
