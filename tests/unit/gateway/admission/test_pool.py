import contextlib
import heapq
import random
from collections import Counter
from itertools import count

import pytest
from gateway.admission.cost import Cost
from gateway.admission.fair_queue import Request
from gateway.admission.pool import Pool, PoolLimits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from serving.errors import DeadlineUnreachable, Overloaded, QuadrilleError

FREE = PoolLimits(running=1, queue_requests=100, queue_units=1e9, longest_wait_s=1e9)


def request(tenant="a", units=1.0, arrived=0.0, **more):
    return Request(tenant, Cost(units), arrived, **more)


def made(known_s=None, **limits):
    """A pool; with `known_s`, it knows that a unit holds a place so long."""
    given_limits = {name: getattr(FREE, name) for name in FREE.__slots__} | limits
    pool = Pool("generate", PoolLimits(**given_limits))
    for _ in range(5 if known_s else 0):
        pool.service_time.saw(known_s, 1.0)
    return pool


def started(pool, now=0.0):
    return list(pool.start(now))


def occupy(pool):
    pool.offer(request("busy"), 0.0)
    started(pool)


def test_what_fits_runs_and_the_rest_waits():
    pool, ones = made(running=2), [request() for _ in range(3)]
    for one in ones:
        assert pool.offer(one, 0.0) == []
    assert started(pool) == ones[:2]
    assert pool.full
    pool.finish(ones[0], 1.0, well=True)
    assert started(pool, 1.0) == [ones[2]]


def test_a_deadline_before_its_turn_is_refused_before_anything_runs():
    pool = made(known_s=1.0)
    pool.offer(request(), 0.0)
    started(pool)
    pool.offer(request(units=3.0), 0.0)
    with pytest.raises(DeadlineUnreachable):
        pool.offer(request(deadline=4.9), 0.0)
    pool.offer(request(deadline=5.1), 0.0)


def test_what_cannot_be_done_any_more_does_not_run_when_its_turn_comes():
    pool = made(known_s=1.0)
    ones = [request(), request(deadline=20.0), request(deadline=30.0)]
    for one in ones:
        pool.offer(one, 0.0)
    assert started(pool) == ones[:1]
    pool.finish(ones[0], 19.5, well=True)
    late, begun = started(pool, 19.5)
    assert (late, late.started, begun) == (ones[1], None, ones[2])
    assert pool.running == 1


def test_nobody_waits_until_it_is_too_late():
    pool = made(known_s=1.0, longest_wait_s=20.0)
    assert pool.patience_s(request(units=3.0, deadline=10.0), 2.0) == pytest.approx(5.0)
    assert pool.patience_s(request(units=3.0, deadline=4.0), 2.0) == 0.0
    assert pool.patience_s(request(deadline=1000.0), 2.0) == pool.patience_s(request(), 2.0) == 20.0


def test_a_wait_follows_when_those_who_run_will_be_done():
    pool = made(known_s=1.0, running=3)
    for now in (0.0, 0.1, 0.2):
        pool.offer(request(), now)
        started(pool, now)
    assert pool.wait_s(request(), 0.2) == pytest.approx(0.8)
    assert pool.wait_s(request(), 0.9) == pytest.approx(0.1)
    for _ in range(4):
        pool.queue.push(request())
    assert pool.wait_s(request(), 0.9) == pytest.approx(1.2)


def test_a_queue_that_stands_keeps_time_in_reserve():
    pool = made(known_s=1.0)
    pool.offer(request(), 0.0)
    started(pool)
    pool.offer(request(), 0.0)
    pool.offer(request(deadline=3.2), 0.0)
    with pytest.raises(DeadlineUnreachable):  # the same room, but it has been so for a while
        pool.offer(request(deadline=4.2), 0.2)
    pool.offer(request(deadline=7.0), 0.2)


def test_one_more_that_would_make_all_late_is_turned_away_from_a_free_place():
    pool = made(running=8)
    for running in (1.0, 2.0, 4.0) * 20:
        pool.service_time.saw(running, 1.0, running)  # a server that does one after the other
    for _ in range(3):
        pool.offer(request(deadline=3.5), 0.0)
        started(pool)
    assert pool.running == 3
    with pytest.raises(DeadlineUnreachable):
        pool.offer(request(deadline=3.5), 0.0)
    pool.offer(one := request(deadline=30.0), 0.0)
    assert started(pool) == [one]


def test_a_forecast_turns_nobody_away_where_nothing_else_is_to_be_done():
    pool = made(known_s=60.0)  # as a machine that was busy with something else left it
    pool.offer(one := request(deadline=5.0), 0.0)
    assert started(pool) == [one]
    assert one.started == 0.0
    pool.finish(one, 1.0, well=True)
    with pytest.raises(DeadlineUnreachable):  # it has passed
        pool.offer(request(deadline=2.0), 2.0)


def test_a_light_tenants_deadline_is_not_judged_by_a_heavy_ones_backlog():
    pool = made(known_s=1.0)
    for _ in range(50):
        pool.offer(request("heavy"), 0.0)
    with pytest.raises(DeadlineUnreachable):
        pool.offer(request("heavy", deadline=10.0), 0.0)
    pool.offer(request("light", deadline=3.5), 0.0)


@pytest.mark.parametrize(
    ("others", "left"), [({"b": 3.0}, 7.0), ({"b": 10.0}, 5.0), ({"b": 5.0, "c": 5.0}, 10 / 3), ({}, 10.0)]
)
def test_a_backlog_goes_at_the_rate_that_others_leave_or_by_its_share(others, left):
    pool = made(known_s=1.0, running=10)
    for place in range(1, 601):
        for tenant, rate in others.items():
            pool.served.saw(tenant, rate / 10, 1.0, place / 10)
    for _ in range(20):
        pool.queue.push(request("a"))
    assert pool.wait_s(request("a"), 60.0) == pytest.approx(1 / 10 + 20 / left, rel=0.05)


def test_a_higher_priority_does_not_wait_for_lower_ones():
    pool = made(known_s=1.0)
    for _ in range(20):
        pool.offer(request("a"), 0.0)
    assert pool.wait_s(request("a", tier=1), 0.0) == pytest.approx(1.0)
    assert pool.wait_s(request("a", priority=1), 0.0) == pytest.approx(1.0)
    assert pool.wait_s(request("a"), 0.0) == pytest.approx(21.0)
    assert pool.wait_s(request("a", tier=-1), 0.0) == pytest.approx(21.0)


def test_nobody_is_made_to_wait_longer_than_the_longest_wait():
    pool = made(known_s=1.0, longest_wait_s=2.5)
    for _ in range(2):
        pool.offer(request(), 0.0)
    with pytest.raises(Overloaded, check=lambda error: error.reason == "QUEUE_TIMEOUT") as failed:
        for _ in range(2):
            pool.offer(request(), 0.0)
    assert failed.value.retry_after_s > 0


@pytest.mark.parametrize("limits", [{"queue_requests": 3}, {"queue_units": 3.0}])
def test_a_full_queue_refuses_the_tenant_that_filled_it(limits):
    pool = made(**limits)
    for _ in range(4):
        pool.offer(request("heavy"), 0.0)
        started(pool)
    with pytest.raises(Overloaded, check=lambda error: error.reason == "QUEUE_FULL"):
        pool.offer(request("heavy"), 0.0)
    assert len(pool.queue) == 3


def test_a_full_queue_makes_room_for_a_tenant_that_has_less():
    pool = made(queue_requests=3)
    heavy = [request("heavy") for _ in range(4)]
    for one in heavy:
        pool.offer(one, 0.0)
        started(pool)
    assert pool.offer(request("light"), 0.0) == [heavy[-1]]
    with pytest.raises(Overloaded):
        pool.offer(request("light"), 0.0)  # both have as much now, counted with this one


def test_a_weight_is_a_claim_to_more_of_the_queue():
    pool = made(queue_requests=4)
    occupy(pool)
    for tenant in "aabb":
        pool.offer(request(tenant, weight=1.0), 0.0)
    (gone,) = pool.offer(request("c", units=1.5, weight=4.0), 0.0)
    assert gone.tenant in "ab"


def test_a_higher_priority_takes_the_place_of_a_lower_one_and_never_the_reverse():
    pool = made(queue_requests=2)
    occupy(pool)
    low = [request("a"), request("b")]
    for one in low:
        pool.offer(one, 0.0)
    high = [request("c", tier=1), request("c", tier=1)]
    assert {pool.offer(one, 0.0)[0] for one in high} == set(low)
    for tier in (0, 1):
        with pytest.raises(Overloaded):
            pool.offer(request("c", tier=tier), 0.0)


def test_one_request_larger_than_the_queue_may_wait_in_an_empty_one():
    pool = made(queue_units=5.0)
    occupy(pool)
    assert pool.offer(request(units=50.0), 0.0) == []


def test_places_are_kept_for_others_while_others_are_about():
    pool = made(running=4, tenant_share=0.75)
    for _ in range(6):
        pool.offer(request("heavy"), 0.0)
    assert len(started(pool)) == 4  # alone, it has all
    pool = made(running=4, tenant_share=0.75)
    pool.offer(request("light"), 0.0)
    (light,) = started(pool)
    pool.finish(light, 0.0, well=True)
    for _ in range(6):
        pool.offer(request("heavy"), 1.0)
    assert len(started(pool, 1.0)) == 3
    pool.offer(request("light"), 2.0)
    assert [one.tenant for one in started(pool, 2.0)] == ["light"]
    assert len(started(pool, 200.0)) == 0


def test_failed_work_says_nothing_of_how_long_work_takes():
    pool = made()
    pool.offer(request(), 0.0)
    (one,) = started(pool)
    pool.finish(one, 0.1, well=False)
    assert pool.wait_s(request(), 0.0) is None


class Life(RuleBasedStateMachine):
    """Whatever happens in whatever order, the bounds hold and everybody is somewhere."""

    def __init__(self):
        super().__init__()
        self.pool = made(known_s=0.5, running=3, queue_requests=4, queue_units=20.0, tenant_share=0.5)
        self.now = 0.0
        self.waiting, self.running = [], []

    @rule(
        tenant=st.sampled_from("abc"),
        units=st.floats(0.5, 15),
        tier=st.integers(0, 1),
        patience=st.none() | st.floats(0, 20),
    )
    def arrive(self, tenant, units, tier, patience):
        deadline = None if patience is None else self.now + patience
        one = request(tenant, units, self.now, tier=tier, deadline=deadline)
        try:
            gone = self.pool.offer(one, self.now)
        except QuadrilleError:
            assert self.running or self.waiting or deadline == self.now
            return
        assert all(victim.tier <= tier for victim in gone)
        for victim in gone:
            self.waiting.remove(victim)
        self.waiting.append(one)
        self.begin()

    def begin(self):
        for one in self.pool.start(self.now):
            self.waiting.remove(one)
            if one.started is None:
                assert one.deadline is not None
            else:
                self.running.append(one)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 5), seconds=st.floats(0, 5), well=st.booleans())
    def end(self, which, seconds, well):
        self.now += seconds
        self.pool.finish(self.running.pop(which % len(self.running)), self.now, well=well)
        self.begin()

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 5))
    def leave(self, which):
        self.pool.withdraw(self.waiting.pop(which % len(self.waiting)))
        self.begin()

    @invariant()
    def bounds_hold(self):
        pool = self.pool
        assert pool.running == len(self.running) <= 3
        assert len(pool.queue) == len(self.waiting) <= 4
        assert pool.queue.units == pytest.approx(sum(one.cost.units for one in self.waiting))
        assert pool.queue.units <= 20.0 or len(self.waiting) == 1

    @invariant()
    def nobody_waits_for_a_free_place_without_a_reason(self):
        held = Counter(one.tenant for one in self.running)
        if len(self.running) < 3:
            assert all(held[one.tenant] >= 2 for one in self.waiting)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def simulated(offered, *, takes_s=0.04, seconds=60.0):
    """Discrete events: tenants offer requests of one unit at steady rates, to be done within a second of arrival.

    A unit holds one of 4 places for some `takes_s`, and is broken off at its deadline. Returns, by tenant, how many
    were done, and how many were offered.
    """
    pool = made(running=4, queue_requests=64, longest_wait_s=5.0)
    chance, number, events = random.Random(0), count(), []
    for tenant, rate in offered.items():
        for place in range(int(rate * seconds)):
            due = place / rate
            one = request(tenant, arrived=due, deadline=due + 1.0)
            heapq.heappush(events, (due, next(number), "arrive", one))
    good, asked = Counter(), Counter()
    while events:
        now, _, what, one = heapq.heappop(events)
        if what == "arrive":
            asked[one.tenant] += 1
            try:
                pool.offer(one, now)
            except QuadrilleError:
                continue
        else:
            pool.finish(one, now, well=what == "done")
            good[one.tenant] += what == "done"
        for begun in pool.start(now):
            if begun.started is not None:
                end = now + takes_s * chance.lognormvariate(0.0, 0.3)
                what = "done" if end <= begun.deadline else "broken off"
                heapq.heappush(events, (min(end, begun.deadline), next(number), what, begun))
    return good, asked


@pytest.mark.parametrize("takes_s", [0.04, 0.25, 0.5])
def test_goodput_under_five_times_the_load_is_that_of_the_peak(takes_s):
    capacity = 4 / takes_s
    peak, over = (
        sum(simulated({"a": part * capacity / 2, "b": part * capacity / 2}, takes_s=takes_s)[0].values())
        for part in (1.0, 5.0)
    )
    assert over >= 0.9 * peak


def test_a_tenant_at_ten_times_its_share_does_no_harm_to_the_others():
    good, asked = simulated({"heavy": 250.0, "x": 20.0, "y": 20.0, "z": 20.0})
    for tenant in "xyz":
        assert good[tenant] == asked[tenant]
    assert good["heavy"] + sum(good[tenant] for tenant in "xyz") >= 0.9 * 100 * 60


@given(st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_overloaded_tenants_share_by_weight(weight_a, weight_b):
    pool = made(running=1, queue_requests=20)
    got = Counter()
    for _ in range(400):
        for tenant, weight in (("a", weight_a), ("b", weight_b)):
            with contextlib.suppress(Overloaded):
                pool.offer(request(tenant, weight=float(weight)), 0.0)
        for one in pool.start(0.0):
            got[one.tenant] += 1
            pool.finish(one, 0.0, well=True)
            break
    assert got["a"] / got["b"] == pytest.approx(weight_a / weight_b, rel=0.1)
