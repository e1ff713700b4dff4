"""What callers write to name a request and to resume it."""

import re

from serving.errors import InvalidInput

from gateway.streams.named import NAME_KEY, RESUME_KEY

_ID = re.compile(r"[!-~]{1,255}")
_PLACE = re.compile(r"[0-9]{1,15}")


def checked_id(given: str) -> str:
    """A name as it is; raises InvalidInput for one that is none."""
    if not _ID.fullmatch(given):
        raise InvalidInput(NAME_KEY, "must be 1 to 255 printable ASCII characters without spaces")
    return given


def place(given: str | None) -> int | None:
    """Number of the last event that a caller has; None when it asks from the first on."""
    if given is None:
        return None
    if not _PLACE.fullmatch(given):
        raise InvalidInput(RESUME_KEY, "must be the number of an event")
    return int(given)
