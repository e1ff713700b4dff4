import pytest
from gateway.admission.bucket import Bucket
from hypothesis import given
from hypothesis import strategies as st

RATE = st.integers(1, 100_000)
STEPS = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1000)), max_size=50)


@given(RATE, STEPS)
def test_no_more_is_let_through_than_a_burst_and_the_rate(rate, steps):
    bucket, now, taken = Bucket(rate, 0.0), 0.0, 0.0
    for pause, amount in steps:
        now += pause
        amount = min(amount, rate)
        if not bucket.wait_s(amount, now):
            bucket.take(amount, now)
            taken += amount
    assert taken <= rate + now * rate / 60 + 1e-6 * max(1, taken)


@given(RATE, st.floats(0, 1e6), st.floats(0, 1e6))
def test_after_the_wait_that_was_told_there_is_enough(rate, debt, amount):
    bucket = Bucket(rate, 0.0)
    bucket.take(debt, 0.0)
    wait = bucket.wait_s(amount, 0.0)
    assert bucket.wait_s(amount, wait) == pytest.approx(0.0, abs=1e-3)
    if wait > 1:
        assert bucket.wait_s(amount, wait - 0.5) > 0


def test_what_is_more_than_it_holds_waits_for_a_full_bucket():
    bucket = Bucket(60, 0.0)
    assert bucket.wait_s(1000, 0.0) == 0
    bucket.take(1000, 0.0)
    assert bucket.wait_s(1, 0.0) == pytest.approx(941)


def test_what_is_given_back_never_overfills_it():
    bucket = Bucket(60, 0.0)
    bucket.take(-1000, 0.0)
    assert bucket.level(5.0) == 60


def test_a_clock_that_stands_still_or_goes_back_gives_nothing():
    bucket = Bucket(60, 10.0)
    bucket.take(60, 10.0)
    assert bucket.level(10.0) == bucket.level(3.0) == 0


def test_another_rate_keeps_the_debt():
    bucket = Bucket(60, 0.0)
    bucket.take(90, 0.0)
    bucket.resize(600, 0.0)
    assert bucket.level(0.0) == -30
    assert bucket.wait_s(1, 0.0) == pytest.approx(3.1)
