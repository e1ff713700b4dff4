"""Words of a text, without regard to case."""

import re

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")


def word_list(text: str) -> tuple[str, ...]:
    """The words, in order."""
    return tuple(_WORD.findall(text.casefold()))


def words(text: str) -> frozenset[str]:
    """The distinct words."""
    return frozenset(word_list(text))


def numbers(text: str) -> frozenset[str]:
    """The distinct numbers as they are written, e.g. "3.5", "10:30", "1,000"."""
    return frozenset(_NUMBER.findall(text))
