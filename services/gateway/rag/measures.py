"""What the size of a chunk counts: characters, or an embedding model's tokens. Pure."""

import bisect
from collections.abc import Iterable
from typing import Protocol


class Measure(Protocol):
    """Steps through a text; positions are in characters."""

    def after(self, position: int, count: int) -> int:
        """Where `count` units that begin at `position` end; may be beyond the text. More than `position`."""
        ...

    def before(self, position: int, count: int) -> int:
        """Where the `count` units that end at `position` begin; `position` for none."""
        ...


class Characters:
    """Characters."""

    def after(self, position: int, count: int) -> int:
        """A sum."""
        return position + max(1, count)

    def before(self, position: int, count: int) -> int:
        """A difference."""
        return position - count


class Tokens:
    """Tokens, of which one that only begins within a chunk does not belong to it."""

    def __init__(self, text: str, end_bytes: Iterable[int]) -> None:
        """`end_bytes` holds the byte after each token of the text, in order."""
        self._ends = _characters(text, end_bytes)
        self._length = len(text)

    def after(self, position: int, count: int) -> int:
        """The end of the last of the tokens, at least one character on; the text's where there are not so many."""
        place = bisect.bisect_right(self._ends, position) + max(1, count) - 1
        return max(position + 1, self._ends[place]) if place < len(self._ends) else self._length

    def before(self, position: int, count: int) -> int:
        """The end of the token before the first of them."""
        if not count:
            return position
        place = bisect.bisect_right(self._ends, position) - 1 - count
        return self._ends[place] if place >= 0 else 0


def _characters(text: str, end_bytes: Iterable[int]) -> list[int]:
    """Offsets in characters of ascending offsets in UTF-8; one within a character counts as its beginning."""
    found: list[int] = []
    place = at_byte = 0
    for end in end_bytes:
        while place < len(text) and at_byte + (width := len(text[place].encode())) <= end:
            place, at_byte = place + 1, at_byte + width
        found.append(place)
    return found


CHARACTERS = Characters()
