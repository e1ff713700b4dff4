from dataclasses import replace

import pytest
from gateway.admission.accounts import Accounts, Moment
from gateway.admission.quota import Quotas
from hypothesis import given
from hypothesis import strategies as st
from serving.call import Principal
from serving.errors import Overloaded
from serving.limits import Limits, Standing

DAY = 86_400.0


def at(now=0.0):
    return Moment(now, 1 + int(now // DAY), DAY - now % DAY)


def caller(key="ann", tenant="acme", limits=None, shared=None):
    standing = Standing(key, Limits(**limits or {}), 0, Limits(**shared or {}))
    return Principal(key, tenant, standing=standing)


def refused(reason):
    return pytest.raises(Overloaded, match=None, check=lambda error: error.reason == reason)


@pytest.fixture
def accounts():
    return Accounts(Quotas())


def test_requests_a_minute(accounts):
    ann = caller(limits={"requests_per_minute": 2})
    for _ in range(2):
        accounts.leave(accounts.enter(ann, at()))
    with refused("RATE_LIMITED_REQUESTS") as failed:
        accounts.enter(ann, at())
    assert failed.value.retry_after_s == pytest.approx(30)
    accounts.enter(ann, at(30.0))
    accounts.enter(caller("bob"), at(30.0))


def test_requests_at_once(accounts):
    ann = caller(limits={"concurrent_requests": 1})
    first = accounts.enter(ann, at())
    with refused("TOO_MANY_CONCURRENT"):
        accounts.enter(ann, at())
    accounts.leave(first)
    accounts.enter(ann, at())


def test_a_tenants_limits_are_shared_by_its_keys(accounts):
    shared = {"concurrent_requests": 1}
    held = accounts.enter(caller("ann", shared=shared), at())
    with refused("TOO_MANY_CONCURRENT") as failed:
        accounts.enter(caller("bob", shared=shared), at())
    assert "tenant acme" in failed.value.message
    accounts.enter(caller("eve", tenant="other", shared=shared), at())
    accounts.leave(held)


def test_a_refusal_takes_nothing(accounts):
    both = {"limits": {"requests_per_minute": 5}, "shared": {"requests_per_minute": 1}}
    accounts.enter(caller(**both), at())
    for _ in range(10):
        with refused("RATE_LIMITED_REQUESTS"):
            accounts.enter(caller(**both), at())
    accounts.enter(caller(tenant="other", **both), at())


def test_tokens_a_minute_are_estimated_and_corrected(accounts):
    ann = caller(limits={"tokens_per_minute": 60})
    accounts.reserve(ann, 50, at())
    with refused("RATE_LIMITED_TOKENS"):
        accounts.reserve(ann, 50, at())
    accounts.correct(ann, -40, at())
    accounts.reserve(ann, 50, at())
    accounts.correct(ann, 100, at())  # more than expected: whoever comes next waits for it
    with refused("RATE_LIMITED_TOKENS") as failed:
        accounts.reserve(ann, 1, at())
    assert failed.value.retry_after_s == pytest.approx(101)


def test_tokens_a_day(accounts):
    ann = caller(limits={"tokens_per_day": 100})
    accounts.reserve(ann, 90, at())
    with refused("QUOTA_EXHAUSTED") as failed:
        accounts.reserve(ann, 11, at(DAY - 60))
    assert failed.value.retry_after_s == pytest.approx(60)
    accounts.reserve(ann, 100, at(DAY))


def test_new_limits_hold_at_once_and_old_ones_no_longer(accounts):
    ann = caller(limits={"requests_per_minute": 1})
    accounts.enter(ann, at())
    accounts.enter(caller(limits={"requests_per_minute": 1, "concurrent_requests": 9}), at(60.0))
    accounts.enter(caller(), at())
    accounts.enter(caller(limits={"tokens_per_minute": 5}), at())


def test_callers_without_limits_are_not_remembered_and_idle_ones_forgotten():
    accounts = Accounts(Quotas(), most=3)
    for number in range(10):
        accounts.enter(caller(f"{number}"), at())
    assert not accounts._accounts
    for number in range(10):
        limited = caller(f"{number}", limits={"requests_per_minute": 60})
        accounts.leave(accounts.enter(limited, at(number * 10.0)))
    assert len(accounts._accounts) <= 4


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=60), st.integers(1, 4))
def test_never_more_at_once_than_agreed(steps, most):
    accounts, held = Accounts(Quotas()), []
    ann = caller(limits={"concurrent_requests": most})
    for enters, which in steps:
        if enters:
            try:
                held.append(accounts.enter(replace(ann), at()))
            except Overloaded:
                assert len(held) == most
        elif held:
            accounts.leave(held.pop(which % len(held)))
        assert len(held) <= most


@given(st.lists(st.floats(0, 20), max_size=30), st.integers(1, 5))
def test_whoever_is_told_that_a_request_is_left_may_send_one(pauses, per_minute):
    accounts, now = Accounts(Quotas()), 0.0
    ann = caller(limits={"requests_per_minute": per_minute}, shared={"requests_per_minute": 4})
    for pause in pauses:
        now += pause
        left, tokens = accounts.left(ann, now)
        assert tokens is None
        try:
            accounts.leave(accounts.enter(ann, at(now)))
        except Overloaded as refusal:
            assert left.left < 1
            assert refusal.retry_after_s <= left.full_in_s
        else:
            assert left.left >= 1 - 1e-9
