"""Finds citation markers such as ``[1]``, ``[1][2]`` and ``[1, 2]`` in an answer while it is written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.answer import Passage, Span
from gateway.rag.sentences import sentence_starts

_NUMBERS = r"\[\s?\d{1,3}(?:\s?,\s?\d{1,3}){0,31}\s?\]"
_MARKER = re.compile(_NUMBERS)
# What may still become a marker when more text comes.
_UNFINISHED = re.compile(r"\[(?:\s?\d{1,3}(?:\s?,\s?\d{1,3}){0,31}(?:\s?,)?)?\s?$")
LEADING_MARKERS = re.compile(rf"(?:\s*{_NUMBERS})*\s*")
_LOOK_BACK = 4096  # characters; a statement is not looked for farther before its marker


@dataclass(frozen=True, slots=True)
class Mention:
    """A marker at this character of the answer names a passage; `statement` is in bytes of the answer."""

    passage: Passage
    place: int
    statement: Span


def without_markers(text: str) -> str:
    """The text with its citation markers taken out."""
    return _MARKER.sub("", text)


def unmarked(text: str) -> str:
    """The text with its markers in round brackets, in which they are none."""
    return _MARKER.sub(lambda marker: f"({marker.group()[1:-1]})", text)


class CitationParser:
    """Reads an answer delta by delta; a marker may be split across deltas."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = {passage.number: passage for passage in passages}
        self.scanned = 0  # characters before this hold no marker that is still to be found
        self._last: tuple[int, Span | None] = (0, None)  # the last marker's end, and its statement
        self.answer = ""
        self.invalid_count = 0

    def feed(self, text: str) -> list[Mention]:
        """Append to the answer; returns what markers name that are complete now, in order.

        A mention's statement is the sentence that its marker ends or, when the marker stands after the sentence's
        end, the sentence before it; markers that follow each other share one. It is empty when nothing precedes.
        """
        self.answer += text
        found: list[Mention] = []
        for match in _MARKER.finditer(self.answer, self.scanned):
            self.scanned = match.end()
            numbers = [int(number) for number in re.findall(r"\d+", match.group())]
            known = [self._passages[number] for number in numbers if number in self._passages]
            self.invalid_count += len(numbers) - len(known)
            statement = self._statement(match.start())
            self._last = match.end(), statement
            found += [Mention(passage, match.start(), statement) for passage in known]
        unfinished = _UNFINISHED.search(self.answer, max(self.scanned, len(self.answer) - 256))
        self.scanned = unfinished.start() if unfinished else len(self.answer)
        return found

    def _statement(self, marker: int) -> Span:
        """Bytes of the statement before the marker at this character."""
        last_end, last_statement = self._last
        if last_statement is not None and not self.answer[last_end:marker].strip(" \t\n,"):
            return last_statement
        begin = max(0, marker - _LOOK_BACK)
        end = begin + len(self.answer[begin:marker].rstrip())
        start = max((begin, *sentence_starts(self.answer, begin, end)))
        leading = LEADING_MARKERS.match(self.answer, start, end)
        start = leading.end() if leading else start
        start_byte = len(self.answer[:start].encode())
        return start_byte, start_byte + len(self.answer[start:end].encode())
