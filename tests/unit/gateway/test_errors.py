"""A domain error sent by a backend and received here is the same error again."""

import grpc
import pytest
from gateway.adapters.errors import domain_error
from serving import errors
from serving.status import code_of, trailers_of


def over_the_wire(error: errors.QuadrilleError) -> Exception:
    trailers = grpc.aio.Metadata(*trailers_of(error, "their-id"))
    return domain_error(grpc.aio.AioRpcError(code_of(error), None, trailers, error.message), "svc")


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidInput("sampling.n", "must be 1 to 16"),
        errors.TooLarge("text", "is over 4 MiB"),
        errors.Unauthenticated("no key"),
        errors.PermissionDenied("not yours"),
        errors.NotFound("model", "m"),
        errors.AlreadyExists("collection", "c"),
        errors.VersionConflict("somebody was faster"),
        errors.FailedPrecondition("SOME_STATE", "not so"),
        errors.Overloaded("busy", retry_after_s=2.5),
        errors.Unavailable("draining", retry_after_s=0.25),
        errors.DeadlineUnreachable("too late"),
        errors.DataLoss("damaged"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_the_wire(error):
    received = over_the_wire(error)
    assert type(received) is type(error)
    assert isinstance(received, errors.QuadrilleError)
    assert (received.message, received.reason) == (error.message, error.reason)
    assert {**error.metadata} == {key: received.metadata[key] for key in error.metadata}
    assert "request_id" not in received.metadata
    for fact in ("field", "description", "retry_after_s"):
        assert getattr(received, fact, None) == getattr(error, fact, None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.Unavailable),
        (grpc.StatusCode.CANCELLED, errors.Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineUnreachable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.TooLarge),
    ],
)
def test_what_grpc_itself_reports_has_a_domain_error_too(code, kind):
    received = domain_error(
        grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "raw"), "svc"
    )
    assert type(received) is kind
    if kind is not errors.TooLarge:
        assert received.metadata["service"] == "svc"
        assert "raw" not in received.message


def test_unexpected_errors_stay_what_they_are_and_damaged_details_are_no_obstacle():
    internal = grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, grpc.aio.Metadata(), grpc.aio.Metadata(), "x")
    assert domain_error(internal, "svc") is internal
    damaged = grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff"))
    error = grpc.aio.AioRpcError(grpc.StatusCode.INVALID_ARGUMENT, grpc.aio.Metadata(), damaged, "bad")
    assert domain_error(error, "svc").message == "request: bad"
