"""Who waits, and who is next: priorities first, then tenants by what they have been served, then order of arrival.

Between tenants of one priority this is the virtual token counter of Sheng et al., "Fairness in Serving Large Language
Models" (OSDI 2024), with predicted outputs: a tenant's counter grows by what it is served, divided by its weight, and
the lowest is next. A tenant that comes back is lifted to the least counter of those who wait, so that nobody saves up
for a burst; the counters of two tenants that both wait differ by a bounded amount.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gateway.admission.cost import Cost

MAX_TENANTS = 4096  # counters kept


@dataclass(eq=False, slots=True)
class Request:
    """One piece of work. `tier` is its key's priority; `priority` orders it among its tenant's own."""

    tenant: str
    cost: Cost
    arrived: float
    tier: int = 0
    weight: float = 1.0
    priority: int = 0
    deadline: float | None = None
    number: int = 0  # given by the queue
    started: float | None = None

    def rank(self) -> tuple[int, int]:
        """Its place among its tenant's own."""
        return -self.priority, self.number


@dataclass(slots=True)
class FairQueue:
    """The queue of one pool."""

    units: float = 0.0  # of all who wait
    counters: dict[str, float] = field(default_factory=dict)
    _waiting: dict[int, dict[str, list[Request]]] = field(default_factory=dict)  # by tier, by tenant
    _count: int = 0
    _number: int = 0
    _last: str | None = None  # tenant of whom was next last

    def __len__(self) -> int:
        return self._count

    def push(self, request: Request) -> None:
        """Wait."""
        self._lift(request.tenant, request.tier)
        self._number += 1
        request.number = self._number
        own = self._waiting.setdefault(request.tier, {}).setdefault(request.tenant, [])
        insort(own, request, key=Request.rank)
        self._count += 1
        self.units += request.cost.units

    def pop(self, may: Callable[[str], bool] = lambda tenant: True) -> Request | None:
        """Who is next, of tenants that may be; None when there is none."""
        for tier in sorted(self._waiting, reverse=True):
            tenants = [tenant for tenant in self._waiting[tier] if may(tenant)]
            if tenants:
                first = min(
                    tenants, key=lambda name: (self.counters[name], self._waiting[tier][name][0].number)
                )
                request = self._waiting[tier][first][0]
                self.remove(request)
                self._last = first
                return request
        return None

    def remove(self, request: Request) -> None:
        """Stop waiting."""
        tenants = self._waiting[request.tier]
        tenants[request.tenant].remove(request)
        if not tenants[request.tenant]:
            del tenants[request.tenant]
            if not tenants:
                del self._waiting[request.tier]
        self._count -= 1
        self.units = self.units - request.cost.units if self._count else 0.0

    def charge(self, tenant: str, units: float, weight: float) -> None:
        """Count what a tenant is served; less than was counted before is given back with a negative number."""
        self.counters[tenant] = self.counters.get(tenant, 0.0) + units / weight

    def tiers(self) -> Iterator[int]:
        """The priorities of those who wait, the lowest first."""
        return iter(sorted(self._waiting))

    def of(self, tier: int) -> dict[str, list[Request]]:
        """Who waits with this priority, by tenant, each in order."""
        return self._waiting.get(tier, {})

    def backlogs(self) -> dict[str, tuple[float, float]]:
        """Units that wait and the weight, by tenant."""
        found: dict[str, tuple[float, float]] = {}
        for tenants in self._waiting.values():
            for tenant, own in tenants.items():
                units = sum(one.cost.units for one in own) + found.get(tenant, (0.0, 1.0))[0]
                found[tenant] = (units, own[0].weight)
        return found

    def _lift(self, tenant: str, tier: int) -> None:
        peers = self._waiting.get(tier, {})
        if tenant in peers:
            return
        if len(self.counters) > MAX_TENANTS:
            self._forget()
        if peers:
            floor = min(self.counters[name] for name in peers)
        else:
            floor = self.counters.get(self._last, 0.0) if self._last is not None else 0.0
        self.counters[tenant] = max(self.counters.get(tenant, 0.0), floor)

    def _forget(self) -> None:
        """Drop the lowest half of the counters of tenants that do not wait: they would be lifted anyway."""
        needed = {name for tenants in self._waiting.values() for name in tenants} | {self._last}
        lowest = sorted(self.counters.items(), key=lambda item: item[1])[: len(self.counters) // 2]
        for name, _ in lowest:
            if name not in needed:
                del self.counters[name]
