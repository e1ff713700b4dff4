"""What is left of a caller's limits, as OpenAI's headers tell it: x-ratelimit-limit-requests and its kin."""

from collections.abc import Iterator
from math import floor

from serving.call import Principal

from gateway.admission.accounts import Allowance
from gateway.admission.gate import Gate

MEANINGS = {
    "x-ratelimit-limit-requests": "Requests that may be sent a minute.",
    "x-ratelimit-remaining-requests": "Of these, how many may be sent now.",
    "x-ratelimit-reset-requests": "When all of them may be sent again, e.g. 20ms or 6m0s.",
    "x-ratelimit-limit-tokens": "Tokens that may be used a minute.",
    "x-ratelimit-remaining-tokens": "Of these, how many may be used now.",
    "x-ratelimit-reset-tokens": "When all of them may be used again, e.g. 20ms or 6m0s.",
}


def rate_limits(gate: Gate, principal: Principal) -> list[tuple[bytes, bytes]]:
    """The headers of a caller now; none for what its key and its tenant do not limit."""
    requests, tokens = gate.left(principal)
    return [*_headers(b"requests", requests), *_headers(b"tokens", tokens)]


def _headers(what: bytes, allowance: Allowance | None) -> Iterator[tuple[bytes, bytes]]:
    if allowance is None:
        return
    yield b"x-ratelimit-limit-" + what, b"%d" % allowance.per_minute
    yield b"x-ratelimit-remaining-" + what, b"%d" % max(0, floor(allowance.left))
    yield b"x-ratelimit-reset-" + what, duration(allowance.full_in_s).encode()


def duration(seconds: float) -> str:
    """A time as Go writes it, which OpenAI's headers have: 0s, 20ms, 1.5s, 6m0s, 1h0m0s; milliseconds at the least."""
    milliseconds = round(seconds * 1000)
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    said = f"{hours}h" if hours else ""
    said += f"{minutes}m" if hours or minutes else ""
    whole, fraction = divmod(rest, 1000)
    decimals = f".{fraction:03}".rstrip("0") if fraction else ""
    return f"{said}{whole}{decimals}s"
