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


def names(text: str) -> frozenset[str]:
    """The distinct words that begin with a capital, but for the text's first."""
    return frozenset(word.casefold() for word in _WORD.findall(text)[1:] if word[0].isupper())


def numbers(text: str) -> frozenset[str]:
    """The distinct numbers as they are written, e.g. "3.5", "10:30", "1,000"."""
    return frozenset(_NUMBER.findall(text))
