"""Finds citation markers such as ``[1]``, ``[1][2]`` and ``[1, 2]`` in an answer while it is written."""

import re
from collections.abc import Sequence

from gateway.domain.rag import Citation, Passage
from gateway.rag.sentences import sentence_starts

_NUMBERS = r"\[\s?\d{1,3}(?:\s?,\s?\d{1,3}){0,31}\s?\]"
_MARKER = re.compile(_NUMBERS)
# What may still become a marker when more text comes.
_UNFINISHED = re.compile(r"\[(?:\s?\d{1,3}(?:\s?,\s?\d{1,3}){0,31}(?:\s?,)?)?\s?$")
_LEADING = re.compile(rf"(?:\s*{_NUMBERS})*\s*")
_LOOK_BACK = 4096  # characters; a statement is not looked for farther before its marker


def without_markers(text: str) -> str:
    """The text with its citation markers taken out."""
    return _MARKER.sub("", text)


class CitationParser:
    """Reads an answer delta by delta; a marker may be split across deltas."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = {passage.number: passage for passage in passages}
        self._scanned = 0  # characters before this hold no marker that is still to be found
        self._last: tuple[int, tuple[int, int] | None] = (0, None)  # the last marker's end, and its statement
        self.answer = ""
        self.invalid_count = 0

    def feed(self, text: str) -> list[Citation]:
        """Append to the answer; returns the citations whose markers are complete now, in order.

        A citation's statement is the sentence that its marker ends or, when the marker stands after the sentence's
        end, the sentence before it; markers that follow each other share one. It is empty when nothing precedes.
        """
        self.answer += text
        found: list[Citation] = []
        for match in _MARKER.finditer(self.answer, self._scanned):
            self._scanned = match.end()
            numbers = [int(number) for number in re.findall(r"\d+", match.group())]
            known = [self._passages[number] for number in numbers if number in self._passages]
            self.invalid_count += len(numbers) - len(known)
            start, end = self._statement(match.start())
            self._last = match.end(), (start, end)
            found += [Citation(passage, start, end) for passage in known]
        unfinished = _UNFINISHED.search(self.answer, max(self._scanned, len(self.answer) - 256))
        self._scanned = unfinished.start() if unfinished else len(self.answer)
        return found

    def _statement(self, marker: int) -> tuple[int, int]:
        """Bytes of the statement before the marker at this character."""
        last_end, last_statement = self._last
        if last_statement is not None and not self.answer[last_end:marker].strip(" \t\n,"):
            return last_statement
        begin = max(0, marker - _LOOK_BACK)
        end = begin + len(self.answer[begin:marker].rstrip())
        start = max((begin, *sentence_starts(self.answer, begin, end)))
        leading = _LEADING.match(self.answer, start, end)
        start = leading.end() if leading else start
        start_byte = len(self.answer[:start].encode())
        return start_byte, start_byte + len(self.answer[start:end].encode())
