"""Leave to run: what is used under it is told to it as it is used."""

from collections.abc import Callable

from gateway.admission.cost import NOTHING, Cost


class Ticket:
    """Charges an estimate first, whatever goes beyond it at once, and what was really used at the end."""

    def __init__(self, expected: Cost, charge: Callable[[Cost], None]) -> None:
        self._charge = charge  # called with differences to what was charged before
        self._used: Cost | None = None
        self.charged = expected
        self.complete = False  # whether the work came to its end, whatever its caller does then

    def used(self, cost: Cost) -> None:
        """What has been used until now, all in all."""
        self._used = cost
        units, tokens = cost.units - self.charged.units, cost.tokens - self.charged.tokens
        if units > 0 or tokens > 0:  # seldom, and this is asked at each token
            self._settle(Cost(max(0.0, units), max(0, tokens)))

    @property
    def done(self) -> float | None:
        """Units that have been used until now; None where nothing was told."""
        return None if self._used is None else self._used.units

    def close(self) -> None:
        """The end. Complete work that told nothing used what was expected; what failed before that, nothing."""
        if self._used is not None:
            self._settle(self._used - self.charged)
        elif not self.complete:
            self._settle(NOTHING - self.charged)

    def _settle(self, difference: Cost) -> None:
        if difference != NOTHING:
            self.charged = self.charged + difference
            self._charge(difference)
