"""Whether a passage supports a sentence: what is common to all ways of judging it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain.answer import Span
from gateway.rag.candidates import Candidate, document_span
from gateway.rag.injection import blanked
from gateway.rag.sentences import passage_sentences
from gateway.rag.spending import Spending
from gateway.rag.words import names, numbers, word_list, words

MAX_SENTENCES = 512  # of all passages together; neighbours are joined when there are more


@dataclass(frozen=True, slots=True)
class Support:
    """How well a passage supports a sentence, 0 to 1, and the place in its document that does it best."""

    score: float
    evidence: Span | None


NONE = Support(0.0, None)


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence of a passage."""

    text: str
    span: Span  # in the document
    phrase: str  # its words, as `_phrase` makes it


class Evidence:
    """A passage without what in it reads like an instruction: that supports nothing but that it was said."""

    def __init__(self, candidate: Candidate, most: int = MAX_SENTENCES) -> None:
        text = blanked(candidate.hit.text, candidate.in_text)
        spans = _joined(passage_sentences(text), most)
        self.units = tuple(
            Unit(text[start:end], document_span(candidate.hit, start, end), _phrase(text[start:end]))
            for start, end in spans
        )
        self.words = words(text)
        self.title = words(blanked(candidate.hit.title, candidate.in_title))
        self.numbers = numbers(text)
        self.orders = tuple(
            words(candidate.hit.text[each.start : each.end]) for each in candidate.in_text
        ) + tuple(words(candidate.hit.title[each.start : each.end]) for each in candidate.in_title)

    def quoted(self, phrase: str) -> Support | None:
        """Full support of a sentence whose words stand in one of the passage's, side by side."""
        unit = next((unit for unit in self.units if phrase in unit.phrase), None)
        return Support(1.0, unit.span) if unit else None

    def lexical(self, claim: frozenset[str]) -> Support:
        """The part of a sentence's distinct words that the passage has, and its sentence that has most of them."""
        contained = len(claim & self.words) / len(claim)
        best = max(self.units, key=lambda unit: len(claim.intersection(unit.phrase.split())), default=None)
        return Support(contained, best.span) if best and contained else NONE


class Scorer(Protocol):
    """A way of judging, on top of quotes and numbers."""

    method: str
    threshold: float

    async def score(self, claim: str, passages: Sequence[Evidence]) -> Sequence[Support]:
        """Support of a sentence by each passage."""
        ...


class Judge:
    """Judges sentences against passages; what was scored once it knows.

    A sentence quoted from a passage is supported by it, and one with a number or a name that the passage lacks is not,
    whatever the scorer says: similarity tells neither 1871 from 1872, nor Ann from Bob, nor a quote from a paraphrase.
    """

    def __init__(self, scorer: Scorer, candidates: Sequence[Candidate], spending: Spending) -> None:
        most = MAX_SENTENCES // max(1, len(candidates))
        self._scorer = scorer
        self._spending = spending
        self._passages = tuple(Evidence(candidate, most) for candidate in candidates)
        self._known: dict[str, Sequence[Support]] = {}
        self.method = scorer.method

    async def judge(self, text: str) -> Sequence[Support]:
        """Support by each passage of a sentence with at least one word; once one quotes it, by those that do."""
        phrase = _phrase(text)
        quotes = [passage.quoted(phrase) for passage in self._passages]
        return [quote or NONE for quote in quotes] if any(quotes) else await self._judged(text)

    async def judge_by(self, text: str, place: int) -> Support:
        """Support of such a sentence by one passage."""
        return self._passages[place].quoted(_phrase(text)) or (await self._judged(text))[place]

    def enough(self, support: Support) -> bool:
        """Whether a sentence is supported."""
        return support.score >= self._scorer.threshold

    def repeats_instruction(self, text: str) -> bool:
        """Whether most words of a sentence are those of something that reads like an instruction."""
        claim = words(text)
        orders = [each for passage in self._passages for each in passage.orders]
        return any(len(claim & order) >= 0.6 * len(claim) for order in orders)

    async def _judged(self, text: str) -> Sequence[Support]:
        text = text.strip(" \n\t.!?…")  # a citation's statement lacks what ends its sentence
        if text not in self._known:
            with self._spending.timed("support"):
                scores = await self._scorer.score(text, self._passages)
            counted, named = numbers(text), names(text)
            self._known[text] = [
                score if counted <= passage.numbers and named <= passage.words | passage.title else NONE
                for score, passage in zip(scores, self._passages, strict=True)
            ]
        return self._known[text]


def _phrase(text: str) -> str:
    """The words in a form in which those of a quote are a part of those of its source."""
    return f" {' '.join(word_list(text))} "


def _joined(spans: list[Span], most: int) -> list[Span]:
    """At most so many spans: neighbours joined, as evenly as can be."""
    size = -(-len(spans) // max(1, most)) or 1
    groups = [spans[first : first + size] for first in range(0, len(spans), size)]
    return [(group[0][0], group[-1][1]) for group in groups]
