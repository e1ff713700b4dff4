import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quadrille_client.errors import Details, InternalError, OverloadedError, UnavailableError
from quadrille_client.retry import RetryPolicy

UNAVAILABLE = UnavailableError(grpc.StatusCode.UNAVAILABLE, "down")


@given(attempt=st.integers(0, 10), most=st.integers(0, 10))
def test_backoff_is_bounded_and_ends(attempt, most):
    delay = RetryPolicy(max_retries=most).delay_s(UNAVAILABLE, attempt, None)
    if attempt >= most:
        assert delay is None
    else:
        assert 0.25 <= delay <= 8.0
        assert delay <= 0.5 * 2**attempt


def test_the_servers_advice_comes_first():
    advised = OverloadedError(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", Details(retry_after_s=3.5))
    assert RetryPolicy().delay_s(advised, 0, None) == 3.5


def test_no_retry_that_could_not_end_in_time():
    advised = UnavailableError(grpc.StatusCode.UNAVAILABLE, "full", Details(retry_after_s=3.5))
    assert RetryPolicy().delay_s(advised, 0, 3.0) is None
    assert RetryPolicy().delay_s(advised, 0, 4.0) == 3.5


def test_nobody_is_kept_waiting_for_longer_than_a_minute():
    def advised(seconds):
        return OverloadedError(grpc.StatusCode.RESOURCE_EXHAUSTED, "", Details(retry_after_s=seconds))

    assert RetryPolicy().delay_s(advised(60.0), 0, None) == 60.0
    assert RetryPolicy().delay_s(advised(60.5), 0, None) is None


@pytest.mark.parametrize(
    "error",
    [
        OverloadedError(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large"),
        InternalError(grpc.StatusCode.INTERNAL, ""),
    ],
)
def test_what_would_fail_again_is_not_retried(error):
    assert RetryPolicy().delay_s(error, 0, None) is None
