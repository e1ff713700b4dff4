"""Cuts an answer into the sentences that are judged, while it is written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.rag.citations import LEADING_MARKERS, without_markers
from gateway.rag.sentences import sentence_starts
from gateway.rag.words import word_list

ABSTENTION = "The documents don't say."
_APOSTROPHES = re.compile("[’‘´`]")
_ABSTENTIONS = (word_list(ABSTENTION), word_list("The documents do not say."))
_LOOK_BACK = 256  # characters; an end of a sentence that takes more of them, all white, is not seen


@dataclass(frozen=True, slots=True)
class Claim:
    """Characters `start` to `end` of the answer are a sentence; `until` is where the next begins.

    `number` counts those that say something, from 1; one that does not has the number of the one before it.
    """

    number: int
    start: int
    end: int
    until: int
    text: str

    @property
    def abstains(self) -> bool:
        """Whether it says no more than that the documents have no answer."""
        return abstains(self.text)

    @property
    def says_something(self) -> bool:
        """Whether there is anything to support."""
        return says_something(self.text)


def abstains(text: str) -> bool:
    """Whether a sentence without markers says no more than that the documents have no answer."""
    return word_list(_APOSTROPHES.sub("'", text)) in _ABSTENTIONS


def says_something(text: str) -> bool:
    """Whether there is anything to support in a sentence without markers: words, and not those of an abstention."""
    return bool(word_list(text)) and not abstains(text)


class ClaimReader:
    """Reads an answer that grows; a sentence is complete when the next begins, and the markers between are its own."""

    def __init__(self) -> None:
        self._count = 0
        self._begin = 0  # where the sentence that is not complete begins
        self._seen = 0
        self._end: int | None = None  # … and where it has ended, when that is known,
        self._after = 0  # with markers up to here

    def read(self, answer: str, upto: int) -> list[Claim]:
        """The sentences that are complete now, in the part of the answer in which all markers are whole."""
        claims: list[Claim] = []
        if self._end is not None and not self._closed(answer, upto, claims):
            return claims
        for edge in sentence_starts(answer, max(self._begin, self._seen - _LOOK_BACK), upto):
            if _after_markers(answer, self._begin, edge) < edge:
                self._end = self._after = edge
                if not self._closed(answer, upto, claims):
                    break
        self._seen = upto
        return claims

    def close(self, answer: str) -> list[Claim]:
        """What the end of the answer completes."""
        claims = self.read(answer, len(answer))
        if _after_markers(answer, self._begin, len(answer)) < len(answer):
            claims.append(self._claim(answer, self._end or len(answer), len(answer)))
        return claims

    def number_at(self, answer: str, place: int, claims: Sequence[Claim]) -> int:
        """Number of the sentence that a marker belongs to: one of `claims`, just read, or the one not complete.

        0 when no sentence stands before it.
        """
        for claim in claims:
            if place < claim.until:
                return 0 if place < claim.start else claim.number  # only the first has markers before it
        return self._count + says_something(without_markers(answer[self._begin : place]))

    def _closed(self, answer: str, upto: int, claims: list[Claim]) -> bool:
        self._after = _after_markers(answer, self._after, upto)
        if self._end is None or self._after == upto:
            return False
        claims.append(self._claim(answer, self._end, self._after))
        return True

    def _claim(self, answer: str, end: int, until: int) -> Claim:
        start = _after_markers(answer, self._begin, end)
        end = start + len(answer[start:end].rstrip())
        self._begin, self._end = until, None
        text = without_markers(answer[start:end]).strip()
        self._count += says_something(text)
        return Claim(self._count, start, end, until, text)


def _after_markers(answer: str, start: int, end: int) -> int:
    leading = LEADING_MARKERS.match(answer, start, end)
    return leading.end() if leading else start
