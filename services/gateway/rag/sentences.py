"""Where sentences begin."""

import re
from itertools import pairwise

# A sentence ends at its punctuation and what closes quotes and brackets, if the next word does not go on in lower
# case ("e.g. this"), or at the end of a line.
_END = r"[.!?…][\"'”’)\]]*\s+(?=[^\sa-z])|[。！？]\s*"
_NEXT = re.compile(rf"{_END}|\n+\s*")
# In a document a line may only be wrapped: its end is a sentence's when the line is short, when an empty line, a
# heading, a table or an item of a list follows, or when it is one of the first two itself.
_BLOCK = r"[-*+#|>•]|\d{1,3}[.)]\s"
_NEXT_IN_PASSAGE = (
    re.compile(_END),
    re.compile(rf"\n[ \t]*\n\s*|\n[ \t]*(?={_BLOCK})"),
    re.compile(r"(?m:^[ \t]*[#|].*\n\s*|^.{0,39}\n\s*)"),
)


def sentence_starts(text: str, start: int = 0, end: int | None = None) -> list[int]:
    """Positions in text[start:end], in characters, at which a sentence begins; `start` itself is not listed."""
    limit = len(text) if end is None else end
    return [match.end() for match in _NEXT.finditer(text, start, limit) if match.end() < limit]


def passage_sentences(text: str) -> list[tuple[int, int]]:
    """Characters of the sentences of a passage, lines of which may be wrapped; without the white space around them."""
    starts = {match.end() for pattern in _NEXT_IN_PASSAGE for match in pattern.finditer(text)}
    spans = []
    for first, last in pairwise([0, *sorted(starts), len(text)]):
        part = text[first:last]
        if stripped := part.strip():
            begin = first + len(part) - len(part.lstrip())
            spans.append((begin, begin + len(stripped)))
    return spans
