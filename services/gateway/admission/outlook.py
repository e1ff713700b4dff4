"""What a request has to expect of a pool: when its turn comes, and whether it is done in time. Times are in seconds."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.admission.fair_queue import FairQueue, Request
from gateway.admission.forecast import ServedRate
from gateway.admission.places import Places
from gateway.admission.service_time import ServiceTime

_LIKELY = 0.5  # chance to be done in time, below which nothing is begun
_SURE = 0.9  # chance above which one more does no harm that matters
_WORTH = 0.2  # part that one more must add of what each does that runs, where it is less sure
_KEPT = 0.8  # part of its chance that a request must have after its wait
_BURST = 0.1  # of the time that work takes: a queue that has been there for longer is no burst
_RESERVE = 2.0  # times the predicted wait, for which there must be time then


@dataclass(frozen=True, slots=True)
class Outlook:
    """Over the parts of a pool with so many places."""

    most: int
    places: Places
    queue: FairQueue
    service_time: ServiceTime
    served: ServedRate

    def takes_s(self, request: Request) -> float:
        """How long its work takes while all places are taken; 0 while nothing is known."""
        return self.service_time.seconds(request.cost.units, self.most)

    def may_start(self, request: Request, now: float) -> bool:
        """Whether it is likely done in time, and does the others no more harm than it does good.

        One more lets a batch do more, and all in it take longer: what is done in time must become more by it.
        """
        if request.deadline is None:
            return True
        time, running = self.service_time, len(self.places)
        left_s, units = request.deadline - now, request.cost.units
        chance = time.chance(left_s, units, running + 1)
        if chance < _LIKELY or chance >= _SURE:
            return chance >= _SURE
        without = time.goodput(left_s, units, running)
        return time.goodput(left_s, units, running + 1) >= without * (1 + _WORTH / max(1, running))

    def may_wait(self, request: Request, wait_s: float, now: float, *, standing_s: float) -> bool:
        """Whether it is likely done in time after that wait, in a queue that has not been empty for `standing_s`.

        A burst may use up all the time that there is. In a queue that stands for longer some is kept in reserve: more
        will come that have all of theirs (after the controlled delay of Nichols and Jacobson, 2012).
        """
        if request.deadline is None:
            return True
        time, units = self.service_time, request.cost.units
        left_s = request.deadline - now
        if standing_s > _BURST * time.seconds(time.mean_units(), self.most):
            wait_s *= _RESERVE
        least = max(_LIKELY, _KEPT * time.chance(left_s, units, self.most))
        return time.chance(left_s - wait_s, units, self.most) >= least

    def wait_s(self, request: Request, now: float) -> float | None:
        """Predicted seconds until a request would have its turn; None while nothing is known.

        A place must become free, and all that wait with a higher priority come first. What its tenant has waiting goes
        at the rate that the others leave to it, who were served lately or wait, and no less than its part by weight.
        """
        rate = self.service_time.rate(self.most)
        if rate is None:
            return None
        higher = sum(
            units_of(own)
            for tier in self.queue.tiers()
            if tier > request.tier
            for own in self.queue.of(tier).values()
        )
        peers = self.queue.of(request.tier)
        own = units_of(one for one in peers.get(request.tenant, ()) if one.priority >= request.priority)
        alike = sum(map(units_of, peers.values()))
        others = self.served.of_others(request.tenant, now)
        weights = {tenant: waiting[0].weight for tenant, waiting in peers.items()}
        weights = self.served.weights | weights | {request.tenant: request.weight}
        share = request.weight / sum(weights.values())
        ahead = min(alike, own + (own + request.cost.units) * (1 - share) / share)
        left = max(rate * share, rate - others)
        return self._free_in_s(higher + max(ahead, own * rate / left), now)

    def _free_in_s(self, units: float, now: float) -> float:
        """Until so much has been begun and a place is free after that; those free now are taken to come evenly."""
        time, most = self.service_time, self.most
        each_s = time.seconds(time.mean_units(), most)
        free = most - len(self.places)
        ends = self.places.left_s(time.seconds(1.0, most), now)
        ends += [each_s * (place + 1) / free for place in range(free)]
        ends.sort()
        rounds, place = divmod(units / time.mean_units(), most)
        before = int(place)
        after = ends[before + 1] if before + 1 < most else ends[0] + each_s
        return rounds * each_s + ends[before] + (place - before) * (after - ends[before])


def units_of(requests: Iterable[Request]) -> float:
    """Their cost in all."""
    return sum(one.cost.units for one in requests)
