"""A batching text service behind a pool, in discrete events: what is answered in time of what is asked."""

import heapq
import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

from gateway.admission.cost import text_cost
from gateway.admission.fair_queue import Request
from gateway.admission.pool import Pool, PoolLimits
from serving.errors import QuadrilleError

READ = 30  # tokens of each prompt


@dataclass(frozen=True)
class Service:
    """A pass takes `pass_s`, and `row_s` for each row; a pass in `stalls_every` takes `stall_s` more.

    It differs from that by `noise`, and by `drift` for a second or so (of its log). `refusal_s` is what each refusal
    takes from it, by sharing its processor. An answer has `tokens`, spread by `spread` (of its log).
    """

    pass_s: float = 4e-3
    row_s: float = 0.36e-3
    refusal_s: float = 0.0
    noise: float = 0.1
    drift: float = 0.0
    stall_s: float = 0.0
    stalls_every: int = 300
    tokens: int = 32
    spread: float = 0.0

    def capacity(self, places: int) -> float:
        """Requests a second with so many places taken."""
        return places / (self.pass_s + places * self.row_s) / (self.tokens + 1)


@dataclass
class Outcome:
    """What came of a load."""

    seconds: float
    asked: Counter = field(default_factory=Counter)  # by tenant
    good: Counter = field(default_factory=Counter)
    begun: int = 0
    refused_s: list[float] = field(default_factory=list)  # times until refusals
    answered_s: list[float] = field(default_factory=list)

    @property
    def goodput(self) -> float:
        return sum(self.good.values()) / self.seconds

    @property
    def kept(self) -> float:
        """Of what was begun, the part that was answered in time."""
        return sum(self.good.values()) / max(1, self.begun)

    def refused(self, share: float) -> float:
        return sorted(self.refused_s)[int(share * len(self.refused_s))] if self.refused_s else 0.0


def run(
    loads,
    *,
    service=Service(),
    places=64,
    deadline_s=2.0,
    seconds=12.0,
    warm_s=4.0,
    seed=0,
    pool=None,
):
    """`loads` are requests a second by tenant, Poisson; what comes in the first `warm_s` is not counted.

    `deadline_s` is a number, or a list of which each request has one.
    """
    chance = random.Random(seed)
    pool = pool or Pool("generate", PoolLimits(places, 256, 1e6, 30.0))
    number, events = count(), []
    for tenant, rate in loads.items():
        due = 0.0
        while rate and (due := due + chance.expovariate(rate)) < warm_s + seconds:
            limit = deadline_s if isinstance(deadline_s, float) else chance.choice(deadline_s)
            one = Request(tenant, text_cost(READ, service.tokens), due, deadline=due + limit)
            heapq.heappush(events, (due, next(number), one))
    return _Run(service, pool, chance, events, Outcome(seconds), warm_s).run()


class _Run:
    def __init__(self, service, pool, chance, events, outcome, warm_s):
        self.service, self.pool, self.chance, self.outcome = service, pool, chance, outcome
        self.events, self.warm_s = events, warm_s
        self.rows, self.lengths, self.waiting = {}, {}, {}
        self.ends = None  # of the pass that is computed
        self.drifted = 0.0

    def run(self):
        while self.events or self.rows or self.waiting:
            arrival = self.events[0][0] if self.events else float("inf")
            ends = self.ends if self.ends is not None else float("inf")
            leaves = min(self.waiting.values(), default=float("inf"))
            now = min(arrival, ends, leaves)
            if now == arrival:
                self.arrive(heapq.heappop(self.events)[2], now)
            elif now == ends:
                self.passed(now)
            else:
                for one in [one for one, until in self.waiting.items() if until <= now]:
                    self.pool.withdraw(one)
                    self.refuse(one, now)
            if self.ends is None and self.rows:
                self.ends = now + self.pass_s()
        return self.outcome

    def counts(self, one):
        return one.arrived >= self.warm_s

    def arrive(self, one, now):
        self.outcome.asked[one.tenant] += self.counts(one)
        self.waiting[one] = now + self.pool.patience_s(one, now)
        try:
            gone = self.pool.offer(one, now)
        except QuadrilleError:
            gone = [one]
        for victim in gone:
            self.refuse(victim, now)
        self.begin(now)

    def begin(self, now):
        for one in self.pool.start(now):
            if one.started is None:
                self.refuse(one, now)
                continue
            del self.waiting[one]
            self.outcome.begun += self.counts(one)
            spread = self.service.spread
            length = self.service.tokens * self.chance.lognormvariate(-(spread**2) / 2, spread)
            self.rows[one] = max(1, round(length)) + 1  # a pass for the prompt
            self.lengths[one] = self.rows[one]

    def refuse(self, one, now):
        del self.waiting[one]
        if self.counts(one):
            self.outcome.refused_s.append(now - one.arrived)
        if self.ends is not None:
            self.ends += self.service.refusal_s

    def pass_s(self):
        took = self.service.pass_s + self.service.row_s * len(self.rows)
        self.drifted += self.chance.gauss(0.0, 0.2 * self.service.drift) - 0.02 * self.drifted
        took *= self.chance.lognormvariate(self.drifted, self.service.noise)
        return took + (self.service.stall_s if self.chance.random() < 1 / self.service.stalls_every else 0.0)

    def passed(self, now):
        self.ends = None
        for one in list(self.rows):
            self.rows[one] -= 1
            late = now > one.deadline
            if not late and self.rows[one]:
                continue
            passes = self.lengths.pop(one) - self.rows.pop(one)
            if self.counts(one) and not late:
                self.outcome.good[one.tenant] += 1
                self.outcome.answered_s.append(now - one.arrived)
            done = text_cost(READ, passes - 1).units
            self.pool.finish(one, min(now, one.deadline), well=not late, done=done)
        self.begin(now)
