"""When to try again, and after how long. Pure: the caller waits."""

import random
from dataclasses import dataclass

from quadrille_client.errors import OverloadedError, QuadrilleError, UnavailableError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter over its upper half; a server's own advice comes first."""

    max_retries: int = 2
    first_s: float = 0.5
    longest_s: float = 8.0
    longest_advised_s: float = (
        60.0  # whoever is told to come back later than that is better told than kept waiting
    )

    def delay_s(self, error: QuadrilleError, attempt: int, left_s: float | None) -> float | None:
        """Seconds to wait before attempt `attempt` + 1 (from 0), or None when it is not worth it.

        `left_s` is the time until the caller's deadline: no retry is begun that could not end before it.
        """
        if attempt >= self.max_retries or not _worth_it(error):
            return None
        backoff = min(self.longest_s, self.first_s * 2**attempt)
        delay = (
            error.retry_after_s if error.retry_after_s is not None else random.uniform(backoff / 2, backoff)
        )
        if delay > self.longest_advised_s or (left_s is not None and delay >= left_s):
            return None
        return delay


def _worth_it(error: QuadrilleError) -> bool:
    # RESOURCE_EXHAUSTED without advice is a limit, e.g. of a message's size: it would fail again.
    return isinstance(error, UnavailableError) or (
        isinstance(error, OverloadedError) and error.retry_after_s is not None
    )
