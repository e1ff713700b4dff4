"""From a user's words to an FTS5 expression that can hold no operator. Pure."""

import unicodedata
from collections.abc import Sequence

MAX_TERMS = 256


def terms(text: str) -> list[str]:
    """Split text into distinct words: runs of letters, digits and marks, as FTS5's unicode61 sees them.

    They stay as they are written: FTS5 folds letters by tables of its own, which have other pairs than Python's.
    """
    spaced = "".join(char if _is_word(char) else " " for char in text)
    words: dict[str, str] = {}
    for word in spaced.split():
        words.setdefault(word.lower(), word)
    return list(words.values())[:MAX_TERMS]


def any_of(words: Sequence[str]) -> str:
    """Return an FTS5 query that matches any of `terms`, each as a quoted string; "" when there is none."""
    return " OR ".join(f'"{word}"' for word in words)


def _is_word(char: str) -> bool:
    if unicodedata.category(char)[0] in "LNM":
        return True
    # What Unicode 3.2 did not assign may be a letter to SQLite's tables, which are younger than these and older than
    # Python's others. They cut the quoted term again as they cut the text.
    return unicodedata.ucd_3_2_0.category(char) in ("Co", "Cn")
