"""Keeps retries from making an overload worse."""


class RetryBudget:
    """Retries may be `ratio` of the calls, with `reserve` of them in hand; pure and synchronous.

    Finagle's retry budget without its expiry: each call puts `ratio` of a token in, each retry takes a whole one.
    The reserve lets a server go away under load without a failed call; when all are gone, calls grow by `ratio`.
    """

    def __init__(self, reserve: float = 100.0, ratio: float = 0.2) -> None:
        self._reserve = reserve
        self._ratio = ratio
        self._tokens = reserve

    def called(self) -> None:
        """A call is made that is no retry."""
        self._tokens = min(self._reserve, self._tokens + self._ratio)

    def take(self) -> bool:
        """Whether a retry may be made; if so, it is paid for."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
