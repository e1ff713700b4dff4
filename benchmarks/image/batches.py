"""How a queue before a pipeline forms batches that begin and end together. Pure: no clock of its own."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `most` requests a batch, for which the oldest waits `window_s` seconds; do they differ in steps?"""

    most: int
    window_s: float
    mixes_steps: bool = False


POLICIES = {
    "serial": Policy(1, 0.0),
    # A pipeline runs one number of steps, so requests that agree on it share a batch; the oldest's turn comes first.
    "by-steps": Policy(8, 0.005),
    # Whoever comes first, all with the steps of the longest: more than was asked of it, for the others.
    "padded": Policy(8, 0.005, mixes_steps=True),
}


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item]):
    item: Item
    steps: int
    since: float


class Queue(Generic[Item]):
    """Requests in the order they came."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._waiting: list[_Waiting[Item]] = []

    def add(self, item: Item, steps: int, now: float) -> None:
        """`now` is when it came, in seconds."""
        self._waiting.append(_Waiting(item, steps, now))

    def wait_s(self, now: float) -> float | None:
        """Seconds until a batch is due, 0 where one is; None where nothing waits."""
        if not self._waiting:
            return None
        if len(self._first()) == self._policy.most:
            return 0.0
        return max(0.0, self._waiting[0].since + self._policy.window_s - now)

    def take(self) -> list[Item]:
        """The oldest request, and those after it that may share its batch."""
        batch = self._first()
        self._waiting = [one for one in self._waiting if one not in batch]
        return [one.item for one in batch]

    def _first(self) -> list[_Waiting[Item]]:
        policy, steps = self._policy, self._waiting[0].steps
        return [one for one in self._waiting if policy.mixes_steps or one.steps == steps][: policy.most]
