"""Errors of the client, one class a kind of failure.

QuadrilleError
├── InvalidArgumentError      a field of the request is wrong (`field` names it)
├── UnauthenticatedError      no API key, or not a valid one
├── PermissionDeniedError
├── NotFoundError
├── AlreadyExistsError
├── AbortedError              somebody else wrote first: read again, then retry
├── FailedPreconditionError   e.g. no model is loaded that could answer
├── OverloadedError           refused for now; `retry_after_s` says when to come back
├── UnavailableError          no server, or one that is starting or stopping
├── DeadlineExceededError
├── CancelledError
├── UnimplementedError
├── DataLossError
└── InternalError
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

DETAILS_KEY = "grpc-status-details-bin"
REQUEST_ID_KEY = "x-request-id"


@dataclass(frozen=True, slots=True)
class Details:
    """What a server says of a failure beside its code and message."""

    reason: str = ""
    request_id: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    retry_after_s: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class QuadrilleError(Exception):
    """A call failed. `code` is gRPC's, `reason` is machine-readable, `request_id` is in the server's log.

    `fields` are pairs of a path and what is wrong there. `retry_after_s` is when the server advises to come back, None
    when it advises nothing. `metadata` is what else it tells machines of the reason, e.g. which "pool" is full.
    """

    def __init__(self, code: grpc.StatusCode, message: str, details: Details | None = None) -> None:
        super().__init__(message)
        details = details or Details()
        self.code = code
        self.message = message
        self.reason = details.reason
        self.request_id = details.request_id
        self.fields = details.fields
        self.retry_after_s = details.retry_after_s
        self.metadata = details.metadata

    @property
    def field(self) -> str | None:
        """Path of the first field at fault, when one is."""
        return self.fields[0][0] if self.fields else None


class InvalidArgumentError(QuadrilleError):
    """A field of the request is wrong."""


class UnauthenticatedError(QuadrilleError):
    """No API key, or not a valid one."""


class PermissionDeniedError(QuadrilleError):
    """The key does not grant this call."""


class NotFoundError(QuadrilleError):
    """What the call names does not exist."""


class AlreadyExistsError(QuadrilleError):
    """What the call would make exists."""


class AbortedError(QuadrilleError):
    """Somebody else wrote first."""


class FailedPreconditionError(QuadrilleError):
    """The server is not in the state that this call needs."""


class OverloadedError(QuadrilleError):
    """The server refused the call to protect itself, or a limit was met."""


class UnavailableError(QuadrilleError):
    """No server answered, or it is starting or stopping."""


class DeadlineExceededError(QuadrilleError):
    """The timeout passed."""


class CancelledError(QuadrilleError):
    """The call was cancelled."""


class UnimplementedError(QuadrilleError):
    """The server does not know the method."""


class DataLossError(QuadrilleError):
    """The server's stored data are damaged."""


class InternalError(QuadrilleError):
    """The server failed; its log has more under the request id."""


KINDS: dict[grpc.StatusCode, type[QuadrilleError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidArgumentError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.ABORTED: AbortedError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: OverloadedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.CANCELLED: CancelledError,
    grpc.StatusCode.UNIMPLEMENTED: UnimplementedError,
    grpc.StatusCode.DATA_LOSS: DataLossError,
}


def from_rpc_error(error: grpc.RpcError) -> QuadrilleError:
    """The typed error of what gRPC raised, sync or async."""
    code: grpc.StatusCode = error.code()
    received: Any = error.trailing_metadata() or ()
    trailers: dict[str, str | bytes] = dict(received)
    details = _details(trailers.get(DETAILS_KEY), str(trailers.get(REQUEST_ID_KEY, "")))
    return KINDS.get(code, InternalError)(code, error.details() or code.name, details)


def _details(data: bytes | str | None, request_id: str) -> Details:
    if not isinstance(data, bytes):
        return Details(request_id=request_id)
    try:
        return _decoded(data, request_id)
    except (DecodeError, ValueError, OverflowError):  # some proxy's; code and message stand without it
        return Details(request_id=request_id)


def _decoded(data: bytes, request_id: str) -> Details:
    reason, fields, retry_after_s, metadata = "", [], None, {}
    for packed in status_pb2.Status.FromString(data).details:
        info, bad, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if packed.Unpack(info):
            reason = info.reason
            metadata = {name: told for name, told in info.metadata.items() if name != "request_id"}
        elif packed.Unpack(bad):
            fields += [(violation.field, violation.description) for violation in bad.field_violations]
        elif packed.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    return Details(reason, request_id, tuple(fields), retry_after_s, metadata)
