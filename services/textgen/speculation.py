"""Drafts by prompt lookup: what followed the same tokens before (Saxena, 2023; as in "assisted generation").

An answer over documents copies them, and a draft costs nothing but its place in a step. Drafts never change what
is chosen: each is kept only if it is what would have been chosen anyway.
"""

from collections.abc import Sequence

NGRAM = 3
MAX_DRAFTS = 6


class PromptLookup:
    """Drafts for one sequence, whose tokens only ever grow."""

    def __init__(self) -> None:
        self._ends: dict[
            tuple[int, ...], int
        ] = {}  # NGRAM tokens -> place after their last but newest occurrence
        self._read = 0
        self._wait = 0
        self._misses = 0

    def drafts(self, tokens: Sequence[int], most: int = MAX_DRAFTS) -> list[int]:
        """Up to `most` tokens that may follow; none for a while after drafts that were all wrong."""
        for end in range(max(self._read, NGRAM), len(tokens)):
            self._ends[tuple(tokens[end - NGRAM : end])] = end
        self._read = max(self._read, len(tokens))
        if self._wait > 0:
            self._wait -= 1
            return []
        place = self._ends.get(tuple(tokens[-NGRAM:])) if len(tokens) > NGRAM else None
        return [] if place is None else list(tokens[place : place + min(most, MAX_DRAFTS)])

    def heard(self, *, kept: int) -> None:
        """How many drafts of the last step were right."""
        self._misses = 0 if kept else self._misses + 1
        self._wait = min(32, 2**self._misses - 1)
