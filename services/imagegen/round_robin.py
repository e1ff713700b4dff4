"""Deficit round robin over flows (Shreedhar and Varghese, 1996). Pure: no torch, no clock, no threads.

What a batch costs is known only when it has run, so a flow pays afterwards, and runs while it is in credit (surplus
round robin: Adiseshu, Parulkar and Varghese, 1996). Of two flows that always have work, neither is ever ahead by
more than two quanta and one batch.
"""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Flow = TypeVar("Flow", bound=Hashable)


class DeficitRoundRobin(Generic[Flow]):
    """Whose turn it is. Costs are in the unit of the quantum."""

    def __init__(self, quantum: float) -> None:
        """A flow gets `quantum`, which is positive, a round."""
        self._quantum = quantum
        # In the order of turns: who is first has the turn. At most one quantum of credit; debts have no bound.
        self._credit: dict[Flow, float] = {}

    def choose(self, ready: Iterable[Flow]) -> Flow | None:
        """The flow to serve, of those that have work; the same one until it is out of credit or of work."""
        working = dict.fromkeys(ready)
        if not working:
            return None
        for flow in working:
            self._credit.setdefault(flow, self._quantum)
        while True:
            flow = next(iter(self._credit))
            credit = self._credit[flow]
            if credit > 0 and flow in working:
                return flow
            del self._credit[flow]
            # A debt outlives the work that made it, else short requests would never pay for long batches.
            if credit <= 0 and (flow in working or credit < 0):
                self._credit[flow] = credit + self._quantum

    def charge(self, flow: Flow, cost: float) -> None:
        """`flow`, which was chosen, was served at this cost."""
        self._credit[flow] -= cost
