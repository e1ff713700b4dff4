"""One kind of work: so much of it runs, a bounded queue waits, and the rest is refused at once.

Synchronous and pure: it is told the time, and says what happens. `gate.py` makes callers wait.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.admission import refusals
from gateway.admission.fair_queue import FairQueue, Request
from gateway.admission.forecast import ServedRate
from gateway.admission.outlook import Outlook, units_of
from gateway.admission.places import Places
from gateway.admission.service_time import ServiceTime

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


class Pool:
    """The state of one kind of work."""

    def __init__(self, name: str, limits: PoolLimits) -> None:
        self.name = name
        self.limits = limits
        self.queue = FairQueue()
        self.service_time = ServiceTime()
        self.served = ServedRate()
        self._places = Places()
        self._outlook = Outlook(limits.running, self._places, self.queue, self.service_time, self.served)
        self._empty_at = 0.0  # when the queue was empty last
        self._seen: list[tuple[str, float]] = []  # the two tenants that were here last, and when

    @property
    def running(self) -> int:
        """How many run."""
        return len(self._places)

    @property
    def full(self) -> bool:
        """Whether a new request would have to wait."""
        return self.running >= self.limits.running or len(self.queue) > 0

    def offer(self, request: Request, now: float) -> list[Request]:
        """Let a request wait for its turn. Returns those that must go for it, or raises why it must go itself."""
        self._saw(request.tenant, now)
        if not self.queue:
            self._empty_at = now
        gone: list[Request] = []
        if self.full:
            wait_s = self.wait_s(request, now)
            standing_s = now - self._empty_at
            if not self._outlook.may_wait(request, wait_s or 0.0, now, standing_s=standing_s):
                raise refusals.deadline(self.name)
            if wait_s is not None and wait_s > self.limits.longest_wait_s:
                raise refusals.too_long(self.name, self.limits.longest_wait_s, wait_s)
            gone = self._room_for(request, wait_s)
        elif not self._may_start(request, now):
            raise refusals.deadline(self.name)
        for victim in gone:
            self.queue.remove(victim)
        self.queue.push(request)
        return gone

    def start(self, now: float) -> Iterator[Request]:
        """Those whose turn it is; they run from now on, and must `finish`.

        Those that will hardly be done before their deadline any more come along with `started` None, and are gone.
        """
        while self.running < self.limits.running:
            request = self.queue.pop(lambda tenant: self._places.of(tenant) < self._most(tenant, now))
            if request is None:
                return
            if self._may_start(request, now):
                self._places.take(request, now)
                self.charge(request, request.cost.units, now)
            yield request

    def charge(self, request: Request, units: float, now: float) -> None:
        """Count what a running request is given beside its expected cost, or gives back with a negative number."""
        self.served.saw(request.tenant, units, request.weight, now)
        self.queue.charge(request.tenant, units, request.weight)

    def withdraw(self, request: Request) -> None:
        """Forget a request that waits."""
        self.queue.remove(request)

    def finish(self, request: Request, now: float, *, well: bool, done: float | None = None) -> None:
        """Give a running request's place back; `well` says whether its work was done, `done` what cost it came to."""
        took_s, beside = self._places.give_back(request, now)
        if well:
            self.service_time.saw(took_s, request.cost.units, beside, done)
        else:
            self.service_time.broke_off(took_s, request.cost.units, beside, done or 0.0)

    def wait_s(self, request: Request, now: float) -> float | None:
        """Predicted seconds until a request would have its turn; None while nothing is known."""
        return self._outlook.wait_s(request, now)

    def patience_s(self, request: Request, now: float) -> float:
        """How long a request waits at most: after that it has waited too long, or is not likely done in time."""
        longest_s = self.limits.longest_wait_s
        if request.deadline is None:
            return longest_s
        return min(longest_s, max(0.0, request.deadline - self._outlook.takes_s(request) - now))

    def _may_start(self, request: Request, now: float) -> bool:
        """Where nothing else runs or waits, a forecast turns nobody away: were it wrong, nothing would ever mend it."""
        if request.deadline is not None and not self.running and not self.queue:
            return now < request.deadline
        return self._outlook.may_start(request, now)

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

    def _most(self, tenant: str, now: float) -> int:
        """How many of a tenant may run."""
        others = any(name != tenant and now - seen < _PRESENT_S for name, seen in self._seen)
        share = self.limits.tenant_share if others else 1.0
        return math.ceil(self.limits.running * share)

    def _saw(self, tenant: str, now: float) -> None:
        others = [item for item in self._seen if item[0] != tenant]
        self._seen = [(tenant, now), *others[:1]]


def _load(backlog: list[Request]) -> float:
    return units_of(backlog) / backlog[0].weight if backlog else 0.0
