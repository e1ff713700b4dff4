"""What is told of a prompt's likelihood: each token once, in order, however often it is computed."""

from collections.abc import Callable, Sequence

from textgen.domain import PromptLogprobs
from textgen.models.base import Sampled
from textgen.sequence import described

_PART = 256  # tokens of an event at most, so that none outgrows a message


class PromptTeller:
    """Keeps how much of one request's prompt was told."""

    def __init__(self, describe: Callable[[int], str]) -> None:
        """describe names a token."""
        self._describe = describe
        self._told = 1  # the first token has no likelihood

    def tell(self, start: int, found: Sequence[Sampled]) -> list[PromptLogprobs]:
        """Events for the prompt's tokens from place `start` on, without those that were told before."""
        new = [described(sampled, self._describe) for sampled in found[max(0, self._told - start) :]]
        self._told += len(new)
        return [PromptLogprobs(tuple(new[at : at + _PART])) for at in range(0, len(new), _PART)]
