"""What is expected of tenants and of answers, from what was served: how much, and how long they are."""

import math

_KEPT = 0.95  # of what is known, at each new request


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
