"""Measures of what was found. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Span = tuple[int, int]  # first character, and the one after the last


@dataclass(frozen=True, slots=True)
class Overlap:
    """How spans that were found and spans of evidence overlap, each 0 to 1."""

    precision: float
    recall: float
    iou: float


def ndcg(found: Sequence[str], grades: Mapping[str, int], depth: int) -> float:
    """Normalized discounted cumulative gain of the first `depth`; 0 where nothing is relevant.

    Source: Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; gains are the grades
    themselves, the discount is log2(rank + 1), as trec_eval has it.
    """
    ideal = _gain(sorted(grades.values(), reverse=True)[:depth])
    return _gain(grades.get(item, 0) for item in found[:depth]) / ideal if ideal else 0.0


def overlap(found: Sequence[Span], evidence: Sequence[Span]) -> Overlap:
    """Of characters that were found, those that are evidence, and the other way round.

    A character that two chunks share is found twice, so that sharing costs precision. `evidence` must not overlap.
    Source: Smith, Troynikov, "Evaluating Chunking Strategies for Retrieval", Chroma 2024; of characters, not tokens.
    """
    found_length, wanted = _length(found), _length(evidence)
    parts = ((max(a, c), min(b, d)) for a, b in found for c, d in evidence)
    right = _length(_union((first, last) for first, last in parts if first < last))
    return Overlap(
        precision=right / found_length if found_length else 0.0,
        recall=right / wanted,
        iou=right / (found_length + wanted - right),
    )


def _gain(grades: Iterable[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))


def _length(spans: Iterable[Span]) -> int:
    return sum(last - first for first, last in spans)


def _union(spans: Iterable[Span]) -> list[Span]:
    """The same characters in spans that do not overlap."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined
