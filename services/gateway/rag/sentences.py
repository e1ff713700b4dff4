"""Where sentences begin."""

import re
from itertools import pairwise

# A sentence ends at its punctuation and what closes quotes and brackets, if the next word does not go on in lower
# case ("e.g. this"), or at the end of a line.
_NEXT = re.compile(r"[.!?…][\"'”’)\]]*\s+(?=[^\sa-z])|[。！？]\s*|\n+\s*")


def sentence_starts(text: str, start: int = 0, end: int | None = None) -> list[int]:
    """Positions in text[start:end], in characters, at which a sentence begins; `start` itself is not listed."""
    limit = len(text) if end is None else end
    return [match.end() for match in _NEXT.finditer(text, start, limit) if match.end() < limit]


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the white space around them; empty ones are left out."""
    edges = [0, *sentence_starts(text), len(text)]
    parts = (text[first:last].strip() for first, last in pairwise(edges))
    return [part for part in parts if part]
