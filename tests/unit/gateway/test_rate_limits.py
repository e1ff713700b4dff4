import re

import pytest
from gateway.admission.accounts import Accounts, Moment
from gateway.admission.gate import Gate
from gateway.admission.metrics import AdmissionMetrics
from gateway.admission.quota import Quotas
from gateway.http.rate_limits import MEANINGS, duration, rate_limits
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from serving.call import Principal
from serving.limits import Limits, Standing

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0s"),
        (0.0001, "0s"),
        (0.02, "20ms"),
        (0.9996, "1s"),
        (1.5, "1.5s"),
        (8.64, "8.64s"),
        (60.0, "1m0s"),
        (360.0, "6m0s"),
        (86.4, "1m26.4s"),
        (3600.0, "1h0m0s"),
        (90_061.001, "25h1m1.001s"),
    ],
)
def test_times_are_written_as_go_writes_them(seconds, said):
    assert duration(seconds) == said


@given(st.floats(0, 1e9))
def test_times_are_what_their_parts_add_up_to(seconds):
    said = duration(seconds)
    parts = re.findall(r"([\d.]+)(ms|h|m|s)", said)
    assert "".join(map("".join, parts)) == said
    assert sum(float(number) * UNITS[unit] for number, unit in parts) == pytest.approx(seconds, abs=0.0006)


def told(limits, shared=None, *, spent=0):
    accounts = Accounts(Quotas())
    principal = Principal("ann", "acme", standing=Standing("acme/ann", limits, 0, shared or Limits()))
    accounts.leave(accounts.enter(principal, Moment(0.0, 1, 60.0)))
    accounts.correct(principal, spent, Moment(0.0, 1, 60.0))
    gate = Gate({}, accounts, AdmissionMetrics(CollectorRegistry(), 0), clock=lambda: 0.5)
    return {name.decode(): value.decode() for name, value in rate_limits(gate, principal)}


def test_all_is_told_of_a_key_with_both_limits():
    headers = told(Limits(requests_per_minute=60, tokens_per_minute=6000), spent=125)
    assert headers == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "500ms",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "5925",
        "x-ratelimit-reset-tokens": "750ms",
    }
    assert list(headers) == list(MEANINGS)


def test_what_has_no_limit_is_not_told():
    assert told(Limits()) == {}
    assert told(Limits(tokens_per_day=5, concurrent_requests=5)) == {}
    assert {name.rpartition("-")[2] for name in told(Limits(requests_per_minute=1))} == {"requests"}


def test_a_debt_leaves_nothing_and_is_waited_out():
    headers = told(Limits(tokens_per_minute=60), spent=90)
    assert headers["x-ratelimit-remaining-tokens"] == "0"
    assert headers["x-ratelimit-reset-tokens"] == "1m29.5s"


def test_of_a_key_and_its_tenant_the_one_that_refuses_first_is_told():
    headers = told(Limits(requests_per_minute=100), Limits(requests_per_minute=10))
    assert headers["x-ratelimit-limit-requests"] == "10"
    headers = told(Limits(requests_per_minute=3), Limits(requests_per_minute=10))
    assert headers["x-ratelimit-limit-requests"] == "3"
