"""Five times what can be done, in a service whose passes take longer the more they hold."""

import pytest
from batch_service import Service, run

CASES = {
    "as measured": {},
    "refusals that cost": {"service": Service(refusal_s=0.2e-3)},
    "a machine that others use": {"service": Service(drift=0.2)},
    "stalls": {"service": Service(stall_s=0.3)},
    "answers of all lengths": {"service": Service(spread=0.6)},
    "a service that does no more with more": {"service": Service(pass_s=0.0, row_s=0.4e-3)},
    "more places than a deadline allows": {"service": Service(row_s=0.9e-3)},
    "deadlines that need small batches": {"deadline_s": 0.6},
    "near deadlines, answers of all lengths": {"deadline_s": 0.8, "service": Service(spread=0.6)},
    "deadlines of all kinds": {"deadline_s": (1.0, 2.0, 4.0)},
    "few places": {"service": Service(pass_s=30e-3), "places": 16},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_goodput_beyond_capacity_is_that_of_the_peak(case):
    capacity = case.get("service", Service()).capacity(case.get("places", 64))
    peak = max(run({"a": part * capacity}, **case).goodput for part in (1.0, 1.2))
    over = run({"a": 5 * capacity}, **case)
    assert over.goodput >= 0.9 * peak
    assert over.kept >= 0.8  # what is begun is worth it
    assert over.refused(0.9) == 0.0  # the rest is told at once


@pytest.mark.parametrize("drift", [0.0, 0.2])
def test_nobody_is_refused_within_capacity(drift):
    service = Service(drift=drift)
    within = run({"a": 0.7 * service.capacity(64)}, service=service)
    assert within.good == within.asked


def test_a_tenant_far_beyond_its_share_costs_another_nothing():
    capacity = Service().capacity(64)
    over = run({"heavy": 5 * capacity, "light": 0.1 * capacity})
    assert over.good["light"] >= 0.97 * over.asked["light"]
    assert over.goodput >= 0.9 * capacity


def test_what_nobody_could_do_in_time_teaches_how_long_it_takes():
    service = Service(row_s=2e-3)  # 64 at once take twice the time that there is, and nothing is known
    over = run({"a": 5 * service.capacity(64)}, service=service, warm_s=10.0)
    assert over.goodput >= 0.8 * service.capacity(64)
    assert over.kept >= 0.85
