import math

import pytest
from gateway.admission.service_time import ServiceTime
from hypothesis import given
from hypothesis import strategies as st


def test_nothing_is_predicted_from_nothing():
    time = ServiceTime()
    assert time.rate(1) is None
    assert time.mean_units() == 0.0
    assert (time.chance(0.1, 1.0, 1), time.chance(0.0, 1.0, 1)) == (1.0, 0.0)


@given(st.floats(0.001, 10), st.integers(1, 64), st.floats(0.5, 100))
def test_a_steady_service_is_predicted_exactly(seconds, places, units):
    time = ServiceTime()
    for _ in range(5):
        time.saw(seconds, units)
    assert time.rate(places) == pytest.approx(places * units / seconds)
    assert time.mean_units() == pytest.approx(units)


def test_recent_requests_weigh_more():
    time = ServiceTime()
    for seconds in (1.0, 9.0):
        for _ in range(200):
            time.saw(seconds, units=1.0)
    assert time.rate(1) == pytest.approx(1 / 9, rel=0.01)


def test_what_was_broken_off_late_tells_that_work_takes_longer():
    time = ServiceTime()
    time.broke_off(5.0, units=1.0)
    assert time.seconds(1.0) == 0.0  # nothing is known, and this would be a guess
    time.saw(1.0, units=1.0)
    time.broke_off(0.9, units=1.0)
    assert time.seconds(1.0) == 1.0
    for _ in range(200):
        time.broke_off(2.0, units=1.0)
    assert 2.0 < time.seconds(1.0) < 4.0  # however often


def test_what_was_broken_off_tells_how_far_it_came_where_that_is_known():
    time = ServiceTime()
    time.broke_off(2.0, units=8.0, done=4.0)
    assert time.seconds(8.0) == 4.0
    time.broke_off(1.0, units=8.0, done=7.0)  # whoever leaves early says nothing
    assert time.seconds(8.0) == 4.0
    for _ in range(200):
        time.broke_off(9.0, units=8.0, done=4.5)
    assert time.seconds(8.0) == pytest.approx(16.0, rel=0.01)


def test_what_had_done_more_than_was_expected_needs_as_much_again():
    time = ServiceTime()
    time.saw(4.0, units=8.0)
    for _ in range(200):
        time.broke_off(4.0, units=8.0, done=8.0)  # no longer than expected, and yet not done
    assert time.seconds(8.0) == pytest.approx(8.0, rel=0.01)


def test_what_requests_came_to_tells_how_fast_a_batch_is():
    time = ServiceTime()
    for place in range(400):
        running, done = (
            (4, 40) if place % 2 else (40, 4)
        )  # long answers run beside few, short ones beside many
        time.saw(done * (1.0 + running / 10), 20.0, running, done)
    assert time.seconds(1.0, 40) / time.seconds(1.0, 4) == pytest.approx(5 / 1.4, rel=0.1)


def test_goodput_falls_where_more_at_once_makes_all_late():
    time = ServiceTime()
    for place in range(400):
        running = (4, 20, 40)[place % 3]
        time.saw((1.0 + running / 10) * (1.1 if place % 2 else 0.9), 1.0, running)
    of = [time.goodput(3.0, 1.0, running) for running in range(1, 40)]
    best = of.index(max(of)) + 1
    assert 12 <= best <= 20  # more than 20 take longer than 3 s
    assert of[-1] < 0.1 * max(of)
    assert time.goodput(1e9, 1.0, 39) == pytest.approx(39 / time.seconds(1.0, 39), rel=0.02)


def test_more_beside_it_makes_work_longer_as_was_seen():
    time = ServiceTime()
    for running in (4, 12, 20, 28) * 20:
        time.saw(10.0 * (1 + running), 10.0, running)
    for running in (1, 8, 64):
        assert time.seconds(2.0, running) == pytest.approx(2.0 * (1 + running), rel=0.05)


def test_a_level_is_learned_sooner_than_a_shape():
    time = ServiceTime()
    for running in (4, 28) * 50:
        time.saw(1.0 + running, 1.0, running)
    for _ in range(60):
        time.saw(2.0 * (1 + 28), 1.0, 28)  # the machine has something else to do
    assert time.seconds(1.0, 28) == pytest.approx(58.0, rel=0.05)
    assert time.seconds(1.0, 4) < 0.4 * time.seconds(1.0, 28)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.1, 100), st.integers(1, 64)), max_size=40))
def test_more_beside_it_never_makes_work_shorter_nor_less_in_all(seen):
    time = ServiceTime()
    for seconds, units, running in seen:
        time.saw(seconds, units, running)
    for running in (1, 7, 40):
        assert 0.0 <= time.seconds(1.0, running) <= time.seconds(1.0, running + 1) * (1 + 1e-9)
        if time.rate(running):
            assert time.rate(running) <= time.rate(running + 1) * (1 + 1e-9)


@given(st.floats(0, 1e3), st.floats(0, 1e3), st.floats(0.1, 1e6), st.integers(1, 64))
def test_whatever_was_seen_and_is_left_a_chance_is_one(seconds, left_s, units, running):
    time = ServiceTime()
    for _ in range(3):
        time.saw(seconds, units, running)
    assert 0.0 <= time.chance(left_s, units, running) <= 1.0
    assert 0.0 <= time.goodput(left_s, units, running) < math.inf


def test_chances_follow_how_far_requests_are_spread():
    steady, uneven = ServiceTime(), ServiceTime()
    for place in range(200):
        steady.saw(1.0, 1.0)
        uneven.saw(math.exp(0.5 if place % 2 else -0.5), 1.0)
    expected = uneven.seconds(1.0)
    assert steady.chance(1.2, 1.0, 1) > 0.99
    assert 0.6 < uneven.chance(1.2 * expected, 1.0, 1) < 0.75
    assert steady.chance(0.8, 1.0, 1) < 0.01
    assert 0.25 < uneven.chance(0.8 * expected, 1.0, 1) < 0.4
