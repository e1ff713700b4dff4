"""An input with its answer, and which part of the answer comes from which part of the input."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

COMBINATIONS, PATTERNS, LENGTHS = "combinations", "patterns", "lengths"
KINDS = ("names", COMBINATIONS, PATTERNS, LENGTHS)
Part = tuple[str, str]  # (text, key): parts of an answer come from the parts of the input with their key
Span = tuple[int, int]  # first character, and the one after the last


@dataclass(frozen=True)
class Example:
    """`links` are (span of the answer, span of the input); `held` says what in it is never trained on."""

    source: str
    target: str
    links: tuple[tuple[Span, Span], ...]
    held: frozenset[str]


def held_out(*things: object, one_in: int = 8) -> bool:
    """Whether a combination is kept for evaluation."""
    return zlib.crc32("|".join(map(str, things)).encode()) % one_in == 0


def compose(prefix: str, source: Sequence[Part], target: Sequence[Part], held: set[str]) -> Example:
    """An example of parts: those with the same key are linked; a key of "" links to nothing."""
    source_text, source_spans = _joined(source, prefix)
    target_text, target_spans = _joined(target, "")
    where: dict[str, list[Span]] = {}
    for key, span in source_spans:
        where.setdefault(key, []).append(span)
    links = tuple((span, other) for key, span in target_spans for other in where.get(key, ()))
    return Example(source_text, target_text, links, frozenset(held))


def _joined(parts: Sequence[Part], text: str) -> tuple[str, list[tuple[str, Span]]]:
    spans = []
    for part, key in parts:
        if key:
            spans.append((key, (len(text), len(text) + len(part))))
        text += part
    return text, spans
