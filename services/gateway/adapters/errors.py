"""A backend's answer, turned back into the domain error that it was."""

import contextlib
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from serving import errors
from serving.status import DETAILS_KEY

_SIMPLE: dict[grpc.StatusCode, type[errors.QuadrilleError]] = {
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.ABORTED: errors.VersionConflict,
    grpc.StatusCode.DATA_LOSS: errors.DataLoss,
}


@contextlib.contextmanager
def domain_errors(service: str) -> Iterator[None]:
    """Raise the domain error behind what a call to `service` raises."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise domain_error(error, service) from error


def domain_error(error: grpc.aio.AioRpcError, service: str) -> Exception:
    """The domain error that the backend raised; an unexpected one stays as it is.

    What gRPC itself reports (connection lost, time over, message too large) names the service in its metadata.
    """
    code, message = error.code(), error.details() or ""
    info, field, description, retry_s = _details(error)
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return _with(
            errors.DeadlineUnreachable(message if info else f"{service} took too long"), info, service
        )
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        text = message if info else f"{service} cannot be reached"
        return _with(errors.Unavailable(text, retry_after_s=retry_s or 1.0), info, service)
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
        if retry_s is not None:
            return _with(errors.Overloaded(message, retry_after_s=retry_s), info, service)
        return errors.TooLarge(field or "message", description or message)
    if code == grpc.StatusCode.INVALID_ARGUMENT:
        return errors.InvalidInput(field or "request", description or message)
    if code == grpc.StatusCode.FAILED_PRECONDITION:
        reason = info.reason if info else "FAILED_PRECONDITION"
        return _with(errors.FailedPrecondition(reason, message), info, service)
    if code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS) and info:
        kind = errors.NotFound if code == grpc.StatusCode.NOT_FOUND else errors.AlreadyExists
        return kind(info.metadata.get("kind", "thing"), info.metadata.get("name", message))
    if code in _SIMPLE:
        return _with(_SIMPLE[code](message), info, service)
    return error


def _with(error: errors.QuadrilleError, info: Any, service: str) -> errors.QuadrilleError:
    metadata = dict(info.metadata) if info else {"service": service}
    metadata.pop("request_id", None)  # ours is set when it is sent
    error.metadata = {**metadata, **error.metadata}
    return error


def _details(error: grpc.aio.AioRpcError) -> tuple[Any, str, str, float | None]:
    """ErrorInfo or None, the field at fault and why, seconds to wait before a retry or None."""
    info, field, description, retry_s = None, "", "", None
    received: Any = error.trailing_metadata() or ()
    raw = dict(received).get(DETAILS_KEY, b"")
    try:
        details = status_pb2.Status.FromString(raw).details
        for detail in details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo.FromString(detail.value)
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                for violation in error_details_pb2.BadRequest.FromString(detail.value).field_violations[:1]:
                    field, description = violation.field, violation.description
            elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                delay = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
                retry_s = delay.ToMicroseconds() / 1e6
    except DecodeError:
        pass  # not ours; the code and the message still say something
    return info, field, description, retry_s
