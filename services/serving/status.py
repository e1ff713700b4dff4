"""The one table from domain errors to gRPC codes, and the google.rpc.Status that carries them."""

from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from serving import errors
from serving.call import REQUEST_ID_KEY

DOMAIN = "quadrille"
DETAILS_KEY = "grpc-status-details-bin"

# First match wins: subclasses stand before their bases.
CODES: tuple[tuple[type[errors.QuadrilleError], grpc.StatusCode], ...] = (
    (errors.TooLarge, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (errors.VersionConflict, grpc.StatusCode.ABORTED),
    (errors.RequestIdReused, grpc.StatusCode.ABORTED),
    (errors.ReaderStalled, grpc.StatusCode.ABORTED),
    (errors.FailedPrecondition, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
    (errors.DeadlineUnreachable, grpc.StatusCode.DEADLINE_EXCEEDED),
    (errors.DataLoss, grpc.StatusCode.DATA_LOSS),
)


def code_of(error: errors.QuadrilleError) -> grpc.StatusCode:
    """The gRPC code of a domain error; INTERNAL for one that the table lacks."""
    return next((code for kind, code in CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def status_of(error: errors.QuadrilleError, request_id: str) -> status_pb2.Status:
    """The status of a domain error: one ErrorInfo, and BadRequest or RetryInfo where they apply."""
    info = error_details_pb2.ErrorInfo(
        reason=error.reason, domain=DOMAIN, metadata={"request_id": request_id, **error.metadata}
    )
    details: list[Message] = [info]
    if isinstance(error, errors.InvalidInput):
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.description
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if isinstance(error, errors.Overloaded | errors.Unavailable):
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(max(1, round(error.retry_after_s * 1000)))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return status_pb2.Status(
        code=code_pb2.Code.Value(code_of(error).name),
        message=error.message,
        details=[_pack(d) for d in details],
    )


def trailers_of(error: errors.QuadrilleError, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
    """Trailing metadata of a failed call: the status, and gRPC's own pushback when a retry may help."""
    trailers: list[tuple[str, str | bytes]] = [
        (REQUEST_ID_KEY, request_id),
        (DETAILS_KEY, status_of(error, request_id).SerializeToString()),
    ]
    if isinstance(error, errors.Overloaded | errors.Unavailable):
        trailers.append(("grpc-retry-pushback-ms", str(max(1, round(error.retry_after_s * 1000)))))
    return tuple(trailers)


def backend_trailers(error: grpc.aio.AioRpcError, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
    """Trailing metadata that pass a backend's error on as it is."""
    received: Any = error.trailing_metadata() or ()
    details = tuple((key, value) for key, value in received if key == DETAILS_KEY)
    return ((REQUEST_ID_KEY, request_id), *details)


def _pack(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
