import random
from itertools import pairwise

import pytest
from gateway.admission import fair_queue
from gateway.admission.cost import Cost
from gateway.admission.fair_queue import FairQueue, Request
from hypothesis import given
from hypothesis import strategies as st


def request(tenant, units=1.0, **more):
    return Request(tenant, Cost(units), 0.0, **more)


def served(queue, **more):
    """Pop who is next and charge it."""
    found = queue.pop(**more)
    if found is not None:
        queue.charge(found.tenant, found.cost.units, found.weight)
    return found


@given(st.lists(st.floats(1, 100), min_size=40, max_size=40), st.floats(0.5, 4), st.floats(0.5, 4))
def test_tenants_that_both_wait_differ_by_one_request_at_most(costs, weight_a, weight_b):
    queue = FairQueue()
    for units in costs:
        queue.push(request("a", units, weight=weight_a))
        queue.push(request("b", 101 - units, weight=weight_b))
    bound = 100 / min(weight_a, weight_b)
    got = {"a": 0.0, "b": 0.0}
    while all(tenant in queue.of(0) for tenant in ("a", "b")):
        one = served(queue)
        got[one.tenant] += one.cost.units / one.weight
        assert abs(got["a"] - got["b"]) <= bound + 1e-9


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-1, 1), st.integers(-1, 1), st.booleans()), max_size=60
    )
)
def test_nobody_is_lost_and_the_count_is_right(steps):
    queue, waiting = FairQueue(), []
    for tenant, tier, priority, pops in steps:
        one = request(tenant, 2.0, tier=tier, priority=priority)
        queue.push(one)
        waiting.append(one)
        if pops:
            waiting.remove(served(queue))
        assert len(queue) == len(waiting)
        assert queue.units == 2.0 * len(waiting)
    out = [served(queue) for _ in waiting]
    assert {id(one) for one in out} == {id(one) for one in waiting}
    assert [one.tier for one in out] == sorted((one.tier for one in out), reverse=True)
    assert served(queue) is None
    assert queue.units == 0.0
    for tenant in "abc":
        for tier in (-1, 0, 1):
            own = [one for one in out if (one.tenant, one.tier) == (tenant, tier)]
            assert all(first.rank() < second.rank() for first, second in pairwise(own))


def test_a_tenant_that_was_away_has_saved_nothing_up():
    queue = FairQueue()
    for _ in range(50):
        queue.push(request("busy"))
        served(queue)
    queue.push(request("busy"))
    for _ in range(4):
        queue.push(request("back"))
        queue.push(request("busy"))
    first = [served(queue).tenant for _ in range(6)]
    assert first.count("back") == first.count("busy") == 3


def test_what_a_tenant_used_alone_is_no_debt_when_another_comes():
    queue = FairQueue()
    for _ in range(50):
        queue.push(request("busy"))
        served(queue)
    queue.push(request("new"))
    served(queue)
    queue.push(request("busy"))
    assert queue.counters["new"] - queue.counters["busy"] <= 1


def test_a_heavier_tenant_gets_more():
    queue = FairQueue()
    for _ in range(40):
        queue.push(request("a", weight=3.0))
        queue.push(request("b", weight=1.0))
    out = [served(queue).tenant for _ in range(20)]
    assert out.count("a") == 15


def test_who_may_not_be_next_is_passed_over():
    queue = FairQueue()
    queue.push(request("a", tier=5))
    queue.push(request("b"))
    assert served(queue, may=lambda tenant: tenant != "a").tenant == "b"
    assert served(queue, may=lambda tenant: False) is None
    assert len(queue) == 1


def test_who_leaves_is_not_next():
    queue = FairQueue()
    ones = [request("a", 1.5), request("a", 2.5)]
    for one in ones:
        queue.push(one)
    queue.remove(ones[0])
    assert (queue.units, len(queue)) == (2.5, 1)
    assert queue.pop() is ones[1]


def test_counters_are_bounded_whatever_names_come(monkeypatch):
    monkeypatch.setattr(fair_queue, "MAX_TENANTS", 64)
    queue, chance = FairQueue(), random.Random(1)
    queue.push(request("waits"))
    for number in range(1000):
        one = request(f"t{number}", chance.uniform(1, 9))
        queue.push(one)
        queue.remove(one)
        queue.charge(one.tenant, one.cost.units, 1.0)
        assert len(queue.counters) <= 66
    assert served(queue).tenant == "waits"


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_what_was_charged_too_much_is_given_back(weight):
    queue = FairQueue()
    queue.charge("a", 10, weight)
    queue.charge("a", -4, weight)
    assert queue.counters["a"] == 6 / weight
