import grpc
import pytest
from google.rpc import status_pb2
from hypothesis import given
from hypothesis import strategies as st
from quadrille_client import (
    CancelledError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OverloadedError,
    QuadrilleError,
)
from quadrille_client.errors import KINDS, from_rpc_error
from serving import errors
from serving.status import code_of, trailers_of


class Failure(grpc.RpcError):
    """What a channel raises."""

    def __init__(self, code, details, trailers=()):
        self.code = lambda: code
        self.details = lambda: details
        self.trailing_metadata = lambda: trailers


def sent_by_a_server(error):
    return from_rpc_error(Failure(code_of(error), error.message, trailers_of(error, "r-1")))


def test_all_that_a_server_says_is_kept():
    error = sent_by_a_server(errors.InvalidInput("sampling.temperature", "must be at most 10"))
    assert isinstance(error, InvalidArgumentError)
    assert (error.field, error.reason, error.request_id) == ("sampling.temperature", "INVALID_INPUT", "r-1")
    assert error.retry_after_s is None
    busy = sent_by_a_server(errors.Overloaded("full", retry_after_s=1.5))
    assert isinstance(busy, OverloadedError)
    assert (busy.retry_after_s, busy.field) == (1.5, None)
    full = sent_by_a_server(errors.Overloaded("full", 1.5, reason="QUEUE_FULL", pool="generate"))
    assert (full.reason, full.metadata) == ("QUEUE_FULL", {"pool": "generate"})


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_code_has_a_kind(code):
    error = from_rpc_error(Failure(code, None))
    assert type(error) is KINDS.get(code, InternalError)
    assert error.message == code.name
    assert isinstance(error, QuadrilleError)


def test_cancellation_is_told_apart():
    assert isinstance(from_rpc_error(Failure(grpc.StatusCode.CANCELLED, "left")), CancelledError)


def damaged(inner):
    status = status_pb2.Status()
    status.details.add(type_url="type.googleapis.com/google.rpc.RetryInfo", value=inner)
    return status.SerializeToString()


@given(st.binary() | st.binary().map(damaged))
def test_damaged_details_do_not_hide_the_error(details):
    trailers = (("grpc-status-details-bin", details), ("x-request-id", "r-1"))
    error = from_rpc_error(Failure(grpc.StatusCode.NOT_FOUND, "no such model", trailers))
    assert isinstance(error, NotFoundError)
    assert (error.message, error.request_id) == ("no such model", "r-1")
