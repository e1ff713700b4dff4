import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from serving import errors
from serving.status import CODES, DETAILS_KEY, code_of, status_of, trailers_of

CASES = [
    (errors.InvalidInput("sampling.n", "must be at most 16"), grpc.StatusCode.INVALID_ARGUMENT),
    (errors.TooLarge("data", "over 4 MiB"), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unauthenticated("no key"), grpc.StatusCode.UNAUTHENTICATED),
    (errors.PermissionDenied("no"), grpc.StatusCode.PERMISSION_DENIED),
    (errors.NotFound("model", "gpt"), grpc.StatusCode.NOT_FOUND),
    (errors.AlreadyExists("collection", "docs"), grpc.StatusCode.ALREADY_EXISTS),
    (errors.VersionConflict("changed"), grpc.StatusCode.ABORTED),
    (errors.RequestIdReused("a is another"), grpc.StatusCode.ABORTED),
    (errors.ReaderStalled("slow"), grpc.StatusCode.ABORTED),
    (errors.FailedPrecondition("STALE", "stale"), grpc.StatusCode.FAILED_PRECONDITION),
    (errors.NotConfigured("no reranker", "set X"), grpc.StatusCode.FAILED_PRECONDITION),
    (errors.Overloaded("full", 2.5), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unavailable("draining"), grpc.StatusCode.UNAVAILABLE),
    (errors.DeadlineUnreachable("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
    (errors.DataLoss("damaged"), grpc.StatusCode.DATA_LOSS),
]


def unpack(status: status_pb2.Status, kind):
    found = []
    for detail in status.details:
        message = kind()
        if detail.Unpack(message):
            found.append(message)
    return found


@pytest.mark.parametrize(("error", "code"), CASES, ids=lambda value: type(value).__name__)
def test_each_error_has_its_code_and_one_error_info(error, code):
    status = status_of(error, "r-1")
    assert code_of(error) is code
    assert (status.code, status.message) == (code.value[0], error.message)
    (info,) = unpack(status, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain, info.metadata["request_id"]) == (error.reason, "quadrille", "r-1")


def test_every_error_of_the_tree_is_in_the_table():
    def leaves(kind):
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]

    own = {kind for kind in leaves(errors.QuadrilleError) if kind.__module__ == "serving.errors"}
    own.remove(errors.QuadrilleError)
    assert all(any(issubclass(kind, listed) for listed, _ in CODES) for kind in own)
    assert own == {type(error) for error, _ in CASES}


def test_invalid_input_names_the_field():
    (bad,) = unpack(
        status_of(errors.InvalidInput("prompt.text", "must be set"), ""), error_details_pb2.BadRequest
    )
    assert [(v.field, v.description) for v in bad.field_violations] == [("prompt.text", "must be set")]


@pytest.mark.parametrize("error", [errors.Overloaded("full", 2.5), errors.Unavailable("down", 2.5)])
def test_retry_advice_is_given_in_both_of_its_forms(error):
    (retry,) = unpack(status_of(error, ""), error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToMilliseconds() == 2500
    assert dict(trailers_of(error, ""))["grpc-retry-pushback-ms"] == "2500"


def test_trailers_carry_status_and_request_id():
    trailers = dict(trailers_of(errors.NotFound("model", "x"), "r-2"))
    assert trailers["x-request-id"] == "r-2"
    assert status_pb2.Status.FromString(trailers[DETAILS_KEY]).code == grpc.StatusCode.NOT_FOUND.value[0]
