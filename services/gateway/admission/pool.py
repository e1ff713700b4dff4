"""One kind of work: so much of it runs, a bounded queue waits, and the rest is refused at once.

Synchronous and pure: it is told the time, and says what happens. `gate.py` makes callers wait.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.admission import refusals
from gateway.admission.fair_queue import FairQueue, Request
from gateway.admission.forecast import ServedRate, ServiceTime

_PRESENT_S = 60.0


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`running` requests at once, of which one tenant has `tenant_share` at most while another is about.

    `queue_requests` and `queue_units` bound who waits, `longest_wait_s` for how long.
    """

    running: int
    queue_requests: int
    queue_units: float
    longest_wait_s: float
    tenant_share: float = 1.0


@dataclass(slots=True)
class Pool:
    """The state of one kind of work."""

    name: str
    limits: PoolLimits
    queue: FairQueue = field(default_factory=FairQueue)
    service_time: ServiceTime = field(default_factory=ServiceTime)
    served: ServedRate = field(default_factory=ServedRate)
    running: int = 0
    _running_of: dict[str, int] = field(default_factory=dict)
    _seen: list[tuple[str, float]] = field(
        default_factory=list
    )  # the two tenants that were here last, and when

    @property
    def full(self) -> bool:
        """Whether a new request would have to wait."""
        return self.running >= self.limits.running or len(self.queue) > 0

    def offer(self, request: Request, now: float) -> list[Request]:
        """Let a request wait for its turn. Returns those that must go for it, or raises why it must go itself."""
        self._saw(request.tenant, now)
        gone: list[Request] = []
        if self.full:
            wait_s = self.wait_s(request, now)
            if request.deadline is not None and (
                self._ends_at(request, now + (wait_s or 0.0)) >= request.deadline
            ):
                raise refusals.deadline(self.name)
            if wait_s is not None and wait_s > self.limits.longest_wait_s:
                raise refusals.too_long(self.name, self.limits.longest_wait_s, wait_s)
            gone = self._room_for(request, wait_s)
        for victim in gone:
            self.queue.remove(victim)
        self.queue.push(request)
        return gone

    def start(self, now: float) -> Iterator[Request]:
        """Those whose turn it is; they run from now on, and must `finish`.

        Those that cannot be done before their deadline any more come along with `started` None, and are gone. Where
        nothing else runs or waits a forecast turns nobody away: were it wrong, nothing would be seen that mends it.
        """
        while self.running < self.limits.running:
            request = self.queue.pop(lambda tenant: self._running_of.get(tenant, 0) < self._most(tenant, now))
            if request is None:
                return
            alone = not self.running and not self.queue
            ends_at = now if alone else self._ends_at(request, now)
            if request.deadline is not None and ends_at >= request.deadline:
                yield request
                continue
            request.started = now
            self.running += 1
            self._running_of[request.tenant] = self._running_of.get(request.tenant, 0) + 1
            self.charge(request, request.cost.units, now)
            yield request

    def charge(self, request: Request, units: float, now: float) -> None:
        """Count what a running request is given beside its expected cost, or gives back with a negative number."""
        self.served.saw(request.tenant, units, request.weight, now)
        self.queue.charge(request.tenant, units, request.weight)

    def withdraw(self, request: Request) -> None:
        """Forget a request that waits."""
        self.queue.remove(request)

    def finish(self, request: Request, now: float, *, well: bool) -> None:
        """Give a running request's place back; `well` says whether its work was done."""
        self.running -= 1
        self._running_of[request.tenant] -= 1
        if not self._running_of[request.tenant]:
            del self._running_of[request.tenant]
        if request.started is not None:
            learn = self.service_time.saw if well else self.service_time.broke_off
            learn(now - request.started, request.cost.units)

    def wait_s(self, request: Request, now: float) -> float | None:
        """Predicted seconds until a request would have its turn; None while nothing is known.

        A place must become free, and all that wait with a higher priority come first. What its tenant has waiting goes
        at the rate that the others leave to it, who were served lately or wait, and no less than its part by weight.
        """
        rate = self.service_time.rate(self.limits.running)
        if rate is None:
            return None
        higher = sum(
            _units(own)
            for tier in self.queue.tiers()
            if tier > request.tier
            for own in self.queue.of(tier).values()
        )
        peers = self.queue.of(request.tier)
        own = _units(one for one in peers.get(request.tenant, ()) if one.priority >= request.priority)
        alike = sum(map(_units, peers.values()))
        others = self.served.of_others(request.tenant, now)
        weights = {tenant: waiting[0].weight for tenant, waiting in peers.items()}
        weights = self.served.weights | weights | {request.tenant: request.weight}
        share = request.weight / sum(weights.values())
        ahead = min(alike, own + (own + request.cost.units) * (1 - share) / share) / rate
        left = max(rate * share, rate - others)
        return (self.service_time.mean_units() + higher) / rate + max(ahead, own / left)

    def _room_for(self, request: Request, wait_s: float | None) -> list[Request]:
        """Whom to evict: of the lowest priority, the newest of the tenant that has most waiting for its weight.

        Raises Overloaded when that would be the request itself (longest queue drop, so that nobody fills the queue
        for the others).
        """
        gone: list[Request] = []
        count, units = len(self.queue), self.queue.units
        while count and (
            count >= self.limits.queue_requests or units + request.cost.units > self.limits.queue_units
        ):
            victim = self._victim(request, gone)
            if victim is None:
                raise refusals.queue_full(self.name, wait_s)
            gone.append(victim)
            count -= 1
            units -= victim.cost.units
        return gone

    def _victim(self, request: Request, gone: list[Request]) -> Request | None:
        for tier in self.queue.tiers():
            if tier > request.tier:
                return None
            backlogs = {
                tenant: [one for one in own if one not in gone] for tenant, own in self.queue.of(tier).items()
            }
            own_load = 0.0
            if tier == request.tier:
                backlogs[request.tenant] = [*backlogs.get(request.tenant, ()), request]
                own_load = _load(backlogs.pop(request.tenant))
            heaviest = max(backlogs.values(), key=_load, default=[])
            if _load(heaviest) > own_load:
                return heaviest[-1]
        return None

    def _ends_at(self, request: Request, begun: float) -> float:
        return begun + self.service_time.seconds(request.cost.units)

    def _most(self, tenant: str, now: float) -> int:
        """How many of a tenant may run."""
        others = any(name != tenant and now - seen < _PRESENT_S for name, seen in self._seen)
        share = self.limits.tenant_share if others else 1.0
        return math.ceil(self.limits.running * share)

    def _saw(self, tenant: str, now: float) -> None:
        others = [item for item in self._seen if item[0] != tenant]
        self._seen = [(tenant, now), *others[:1]]


def _load(backlog: list[Request]) -> float:
    return _units(backlog) / backlog[0].weight if backlog else 0.0


def _units(requests: Iterable[Request]) -> float:
    return sum(one.cost.units for one in requests)
