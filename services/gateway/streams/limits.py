"""How much named requests may hold, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """`stream_bytes` of one request and `total_bytes` of all; both may be passed by one item, or else none would move.

    `grace_s`: how long work goes on that nobody follows. `keep_s`: how long what it said is kept after its end.
    """

    stream_bytes: int = 8 * 2**20
    total_bytes: int = 64 * 2**20
    most: int = 1024
    grace_s: float = 30.0
    keep_s: float = 60.0
