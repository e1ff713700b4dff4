"""Why somebody is not let in, as typed errors: each has a reason of its own and says when to come back.

429 or RESOURCE_EXHAUSTED where there is a limit or no room, 503 or UNAVAILABLE where there is nobody to serve, 504 or
DEADLINE_EXCEEDED where it would take too long.
"""

from serving.errors import DeadlineUnreachable, Overloaded, Unavailable
from serving.retry_delay import retry_delay_s

REQUEST_RATE = "RATE_LIMITED_REQUESTS"
TOKEN_RATE = "RATE_LIMITED_TOKENS"
QUOTA = "QUOTA_EXHAUSTED"
CONCURRENCY = "TOO_MANY_CONCURRENT"
QUEUE_FULL = "QUEUE_FULL"
EVICTED = "EVICTED"
TOO_LONG = "QUEUE_TIMEOUT"


def request_rate(whose: str, per_minute: int, wait_s: float) -> Overloaded:
    """More requests a minute than agreed."""
    return Overloaded(f"{whose} may send {per_minute} requests a minute", wait_s, reason=REQUEST_RATE)


def token_rate(whose: str, per_minute: int, wait_s: float) -> Overloaded:
    """More tokens a minute than agreed."""
    return Overloaded(f"{whose} may use {per_minute} tokens a minute", wait_s, reason=TOKEN_RATE)


def quota(whose: str, per_day: int, wait_s: float) -> Overloaded:
    """More tokens a day than agreed; the next day begins in `wait_s` seconds."""
    return Overloaded(f"{whose} may use {per_day} tokens a day (UTC)", wait_s, reason=QUOTA)


def concurrency(whose: str, limit: int) -> Overloaded:
    """More requests at once than agreed."""
    return Overloaded(f"{whose} may have {limit} requests at once", retry_delay_s(None), reason=CONCURRENCY)


def queue_full(pool: str, wait_s: float | None) -> Overloaded:
    """No room to wait; nobody who waits has more than this tenant."""
    return Overloaded("too many requests wait already", retry_delay_s(wait_s), reason=QUEUE_FULL, pool=pool)


def evicted(pool: str, wait_s: float | None) -> Overloaded:
    """Waited, and gave its place to one with a better claim."""
    message = "gave its place in the queue to a request of higher priority, or of a tenant that uses less"
    return Overloaded(message, retry_delay_s(wait_s), reason=EVICTED, pool=pool)


def too_long(pool: str, longest_s: float, wait_s: float | None) -> Overloaded:
    """Has waited, or would wait, longer than anybody is to."""
    return Overloaded(
        f"would wait longer than {longest_s:g} s", retry_delay_s(wait_s), reason=TOO_LONG, pool=pool
    )


def deadline(pool: str) -> DeadlineUnreachable:
    """The deadline has passed in the queue, or would before the work is done."""
    return DeadlineUnreachable("the queue leaves no time to do this before the deadline", pool=pool)


def no_backend(pool: str) -> Unavailable:
    """Nobody serves this, so there is nothing to wait for."""
    return Unavailable("no backend serves this now", pool=pool)
