"""Cuts a text into overlapping chunks at its natural borders.

A chunk ends at the best border that its size allows: before a heading, else at the end of a paragraph, line,
sentence or word, else anywhere. It is the recursive splitting that RAG frameworks use, done as one walk over the
text, so that every chunk is an exact slice of it. What is in a fenced block of code is no heading.
"""

import bisect
import re
from collections.abc import Sequence

from gateway.domain.retrieval import Chunk
from gateway.rag.measures import CHARACTERS, Measure
from gateway.rag.sentences import sentence_starts

# A block of code, or a heading.
_HEADING = re.compile(
    r"^(?P<fence>```+|~~~+)[^`\n]*\n(?:(?!(?P=fence)).*\n)*(?:(?P=fence).*)?|^#{1,6}\s", re.MULTILINE
)
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_LINE = re.compile(r"\n\s*")
_WORD = re.compile(r"\s+")


def chunk_text(text: str, size: int, overlap: int, measure: Measure = CHARACTERS) -> list[Chunk]:
    """Cut `text` into chunks of at most `size`; neighbours share at most `overlap`. Both count what `measure` does.

    A chunk crosses a heading only while it is shorter than a quarter of `size`, and none is shared across one.
    Chunks have no white space at their ends; all other characters are covered. Needs 0 <= overlap <= size / 2.
    """
    if not 0 <= overlap <= size // 2:
        raise ValueError("overlap must be 0 to half the size")
    borders = _Borders(text, measure)
    chunks: list[Chunk] = []
    start, start_byte = 0, 0
    while True:
        skipped = _white(text, start)
        start_byte += len(text[start : start + skipped].encode())
        start += skipped
        if start >= len(text):
            return chunks
        end, at_heading = borders.end_of_chunk(start, size)
        content = text[start:end].rstrip()
        chunks.append(Chunk(content, start_byte, start_byte + len(content.encode())))
        if end >= len(text):
            return chunks
        following = end if at_heading else borders.start_of_overlap(end, overlap)
        if following <= start:  # all of it would be shared
            following = end
        start_byte += len(text[start:following].encode())
        start = following


class _Borders:
    """Positions at which each kind of unit begins, in order."""

    def __init__(self, text: str, measure: Measure) -> None:
        self._text = text
        self._length = len(text)
        self._measure = measure
        self._headings = [match.start() for match in _HEADING.finditer(text) if not match["fence"]]
        self._sentences = sentence_starts(text)
        self._words = [match.end() for match in _WORD.finditer(text)]
        paragraphs = [match.end() for match in _PARAGRAPH.finditer(text)]
        lines = [match.end() for match in _LINE.finditer(text)]
        self._ranks = (paragraphs, lines, self._sentences, self._words)

    def end_of_chunk(self, start: int, size: int) -> tuple[int, bool]:
        """Where a chunk that begins at `start` ends, and whether a heading follows."""
        limit = self._measure.after(start, size)
        limit += _white(self._text, limit)  # it is no part of the chunk
        heading = _first(self._headings, self._measure.after(start, size // 4), limit)
        if heading is not None:
            return heading, True
        if limit >= self._length:
            return self._length, False
        half = self._measure.after(start, size // 2)
        for positions in self._ranks:
            end = _last(positions, half, limit)
            if end is not None:
                return end, False
        return limit, False

    def start_of_overlap(self, end: int, overlap: int) -> int:
        """Where the chunk after one that ended at `end` begins: a sentence or word among its last characters."""
        earliest = self._measure.before(end, overlap)
        for positions in (self._sentences, self._words):
            begin = _first(positions, earliest - 1, end)
            if begin is not None:
                return begin
        return earliest


def _first(positions: Sequence[int], after: int, until: int) -> int | None:
    """The first position in (after, until]."""
    place = bisect.bisect_right(positions, after)
    return positions[place] if place < len(positions) and positions[place] <= until else None


def _last(positions: Sequence[int], after: int, until: int) -> int | None:
    """The last position in (after, until]."""
    place = bisect.bisect_right(positions, until) - 1
    return positions[place] if place >= 0 and positions[place] > after else None


def _white(text: str, start: int) -> int:
    """Length of the white space at `start`."""
    match = _WORD.match(text, start)
    return match.end() - start if match else 0
