"""Domain errors. They know no transport; `serving.status` holds the one table that maps them to gRPC codes.

QuadrilleError
├── InvalidInput          a field of the request is wrong
│   └── TooLarge          … because it is over a size limit
├── Unauthenticated       no key, or not a valid one
├── PermissionDenied      a valid key without the right
├── NotFound              the thing named does not exist for this caller
├── AlreadyExists
├── VersionConflict       somebody else wrote first
├── RequestIdReused       an id that names another request
├── ReaderStalled         nobody took what the call had to say
├── FailedPrecondition    the system is not in the state this call needs
│   └── NotConfigured     … and an option would put it there
├── Overloaded            refused now, worth a retry later
├── Unavailable           not serving, or something it needs is not
├── DeadlineUnreachable   could not be done in the time left
└── DataLoss              stored bytes are damaged
"""


class QuadrilleError(Exception):
    """Base of all errors that a caller may see; `message` is safe to send."""

    reason = "INTERNAL"

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata


class InvalidInput(QuadrilleError):
    """A field of the request is wrong; `field` is its path in the proto, e.g. ``sampling.temperature``."""

    reason = "INVALID_INPUT"

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}")
        self.field = field
        self.description = description


class TooLarge(InvalidInput):
    """A field of the request is over a size limit of the server's resources."""

    reason = "TOO_LARGE"


class Unauthenticated(QuadrilleError):
    """No API key, or one that is unknown or revoked; which of them is not said."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(QuadrilleError):
    """The key is valid and does not grant this call."""

    reason = "PERMISSION_DENIED"


class NotFound(QuadrilleError):
    """Nothing of this kind and name exists, as far as this caller may know."""

    reason = "NOT_FOUND"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} does not exist", kind=kind, name=name)


class AlreadyExists(QuadrilleError):
    """Something of this kind and name exists."""

    reason = "ALREADY_EXISTS"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} exists already", kind=kind, name=name)


class VersionConflict(QuadrilleError):
    """The thing changed since the caller read it: read again, then retry."""

    reason = "VERSION_CONFLICT"


class RequestIdReused(QuadrilleError):
    """The id that the caller gave names another request of theirs, which asked for something else."""

    reason = "REQUEST_ID_REUSED"


class ReaderStalled(QuadrilleError):
    """The caller has taken no message of the stream for too long; what it asked for is cancelled."""

    reason = "READER_STALLED"


class FailedPrecondition(QuadrilleError):
    """The system is not in the state that this call needs; `reason` says which state, machine-readably."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotConfigured(FailedPrecondition):
    """What the call needs is not configured; `how` names the option that would bring it."""

    def __init__(self, what: str, how: str) -> None:
        super().__init__("NOT_CONFIGURED", f"{what}: {how}")


class Overloaded(QuadrilleError):
    """Refused to protect the calls that are running; retry after `retry_after_s` seconds. `reason` may say more."""

    reason = "OVERLOADED"

    def __init__(
        self, message: str, retry_after_s: float, *, reason: str = "OVERLOADED", **metadata: str
    ) -> None:
        super().__init__(message, **metadata)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Unavailable(QuadrilleError):
    """Not serving, or a service it needs is not; retry after `retry_after_s` seconds."""

    reason = "UNAVAILABLE"

    def __init__(self, message: str, retry_after_s: float = 1.0, **metadata: str) -> None:
        super().__init__(message, **metadata)
        self.retry_after_s = retry_after_s


class DeadlineUnreachable(QuadrilleError):
    """The deadline has passed, or would pass before the work is done."""

    reason = "DEADLINE_UNREACHABLE"


class DataLoss(QuadrilleError):
    """Stored bytes are damaged and could not be rebuilt."""

    reason = "DATA_LOSS"
