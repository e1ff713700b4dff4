"""How fairly tenants are served: Jain's index of what each got, relative to its max-min fair share."""

from collections.abc import Iterable, Mapping

_HALF_S = 30.0
_MOST_TENANTS = 1024


def jain(values: Iterable[float]) -> float:
    """(Σx)² / (n Σx²), 1 when all are equal and 1/n when one has all (Jain, Chiu and Hawe 1984); 1 of nothing."""
    given = list(values)
    squares = sum(value * value for value in given)
    return sum(given) ** 2 / (len(given) * squares) if squares else 1.0


def max_min(capacity: float, demands: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """Each one's share of a capacity: nobody more than its demand, the rest by weight (progressive filling)."""
    shares: dict[str, float] = {}
    left = dict(demands)
    while left:
        level = capacity / sum(weights[name] for name in left)
        met = {name: demand for name, demand in left.items() if demand <= level * weights[name]}
        if not met:
            return shares | {name: level * weights[name] for name in left}
        shares |= met
        capacity = max(0.0, capacity - sum(met.values()))
        left = {name: demand for name, demand in left.items() if name not in met}
    return shares


class FairnessWindow:
    """What tenants were served and refused in the last minute, at least half of it."""

    def __init__(self) -> None:
        self._served: list[dict[str, float]] = [{}, {}]
        self._unmet: list[dict[str, float]] = [{}, {}]
        self._weights: dict[str, float] = {}
        self._turned_at = 0.0

    def served(self, tenant: str, units: float, weight: float, now: float) -> None:
        """A tenant was served so much."""
        self._count(self._served, tenant, units, weight, now)

    def refused(self, tenant: str, units: float, weight: float, now: float) -> None:
        """A tenant asked for so much more, and had to go."""
        self._count(self._unmet, tenant, units, weight, now)

    def index(self, waiting: Mapping[str, tuple[float, float]], now: float) -> float:
        """Jain's index; `waiting` is what tenants ask for beside that, and their weights."""
        self._turn(now)
        weights = self._weights | {name: weight for name, (_, weight) in waiting.items()}
        got = {name: self._sum(self._served, name) for name in weights}
        demands = {
            name: got[name] + self._sum(self._unmet, name) + waiting.get(name, (0.0, 1.0))[0]
            for name in weights
        }
        asking = {name: demand for name, demand in demands.items() if demand > 0}
        shares = max_min(sum(got.values()), asking, weights)
        return jain(got[name] / share for name, share in shares.items() if share > 0)

    def _count(
        self, table: list[dict[str, float]], tenant: str, units: float, weight: float, now: float
    ) -> None:
        self._turn(now)
        if tenant in self._weights or len(self._weights) < _MOST_TENANTS:
            self._weights[tenant] = weight
            table[0][tenant] = max(0.0, table[0].get(tenant, 0.0) + units)

    def _turn(self, now: float) -> None:
        halves = int((now - self._turned_at) // _HALF_S)
        for table in (self._served, self._unmet):
            for _ in range(min(halves, 2)):
                table.insert(0, {})
                table.pop()
        if halves > 0:
            self._turned_at = now
            known = {name for table in (self._served, self._unmet) for half in table for name in half}
            self._weights = {name: self._weights[name] for name in known}

    @staticmethod
    def _sum(table: list[dict[str, float]], tenant: str) -> float:
        return sum(half.get(tenant, 0.0) for half in table)
