"""Finds what in a passage reads like an instruction to a model. Pure.

Retrieved text is data. What it says to a model must not reach one as an order, and patterns of how people write such
orders find many of them: a layer among others, no proof. It knows plain words (compatibility forms and invisible
characters are seen through), not what is encoded, paraphrased or in a language that is not listed.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.rag.injection_patterns import LEADING, PATTERNS
from gateway.rag.sentences import passage_sentences

_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_LEAD_IN = re.compile(r"[.!?:;#>\]\s]*")  # what patterns see of the sentence before
_REMOVED = "(…)"


@dataclass(frozen=True, slots=True)
class Instruction:
    """Characters `start` to `end` of a text read like an instruction of this kind."""

    kind: str
    start: int
    end: int


def find_instructions(text: str) -> tuple[Instruction, ...]:
    """What reads so, by whole sentences, in order and without overlap.

    After some kinds it reaches to the end of the paragraph: what is told to a model there is spread over sentences.
    """
    plain, places = _plain(text)
    found = [
        Instruction(kind, places[start], places[match.end() - 1] + 1)
        for kind, pattern in PATTERNS.items()
        for match in pattern.finditer(plain)
        if (start := _after_lead_in(match)) < match.end()
    ]
    if not found:
        return ()
    sentences = passage_sentences(text)
    return tuple(
        _merged(sorted((_whole(text, sentences, each) for each in found), key=lambda one: one.start))
    )


def without(text: str, instructions: tuple[Instruction, ...]) -> str:
    """The text with a mark in place of each instruction."""
    return _replaced(text, instructions, lambda _: _REMOVED)


def blanked(text: str, instructions: tuple[Instruction, ...]) -> str:
    """The text with spaces in place of instructions; other characters keep their positions."""
    return _replaced(text, instructions, lambda each: " " * (each.end - each.start))


def _replaced(text: str, instructions: tuple[Instruction, ...], made: Callable[[Instruction], str]) -> str:
    pieces, last = [], 0
    for each in instructions:
        pieces += [text[last : each.start], made(each)]
        last = each.end
    return "".join([*pieces, text[last:]])


def _after_lead_in(match: re.Match[str]) -> int:
    lead_in = _LEAD_IN.match(match.string, match.start(), match.end())
    return lead_in.end() if lead_in else match.start()


def _whole(text: str, sentences: list[tuple[int, int]], found: Instruction) -> Instruction:
    start = max((start for start, _ in sentences if start <= found.start), default=found.start)
    end = min((end for _, end in sentences if end >= found.end), default=found.end)
    if found.kind in LEADING:
        closing = _PARAGRAPH_END.search(text, end)
        end = max(end, len(text[: closing.start()].rstrip()) if closing else len(text.rstrip()))
    return Instruction(found.kind, start, end)


def _merged(found: list[Instruction]) -> Iterator[Instruction]:
    current = found[0]
    for each in found[1:]:
        if each.start < current.end:
            current = Instruction(current.kind, current.start, max(current.end, each.end))
        else:
            yield current
            current = each
    yield current


def _plain(text: str) -> tuple[str, Sequence[int]]:
    """The text as it reads, in lower case, and for each of its characters the place in `text` that it comes from."""
    if text.isascii():
        return text.lower(), range(len(text))
    folds = {character: _fold(character) for character in set(text)}
    plain = "".join(folds[character] for character in text)
    if all(len(fold) == 1 for fold in folds.values()):
        return plain, range(len(text))
    return plain, [place for place, character in enumerate(text) for _ in folds[character]]


def _fold(character: str) -> str:
    if unicodedata.category(character) == "Cf":  # shows nothing
        return ""
    return unicodedata.normalize("NFKC", character).lower()
