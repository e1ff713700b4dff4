"""Figures of many answers. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from quadrille_cli.evaluation.measuring import DEPTHS, Measured

MEANS = (
    "exact_match",
    "f1",
    "answer_contained",
    "citation_precision",
    "citation_recall",
    "evidence_cited",
    "groundedness",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean or a share, and of how many; None of none."""

    value: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What `quadrille eval rag` reports; `method` is how the gateway judged support, times are by stage."""

    question_count: int
    unanswerable_count: int
    abstained_count: int
    method: str
    figures: Mapping[str, Figure]
    mean_ms: Mapping[str, float]
    p95_ms: Mapping[str, float]
    prompt_tokens: int
    completion_tokens: int
    joules: float | None


def summary(found: Sequence[Measured], depths: Iterable[int] = DEPTHS) -> Summary:
    """Figures of at least one answer; recall at those of `depths` only.

    Abstention is judged as retrieval is: precision is the part of the abstentions that had no answer to miss, recall
    the part of the questions without an answer at which the gateway abstained. Joules are those that were told.
    """
    figures = {f"recall@{depth}": _mean(item.recall.get(depth) for item in found) for depth in depths} | {
        name: _mean(getattr(item, name) for item in found) for name in MEANS
    }
    abstained = [item for item in found if item.abstention]
    unanswerable = [item for item in found if item.unanswerable]
    if unanswerable:
        figures["abstention_precision"] = _mean(float(item.unanswerable) for item in abstained)
        figures["abstention_recall"] = _mean(float(bool(item.abstention)) for item in unanswerable)
    answerable = [item for item in found if not item.unanswerable]
    figures["false_abstention"] = _mean(float(bool(item.abstention)) for item in answerable)
    times = {name: [item.milliseconds[name] for item in found] for name in found[0].milliseconds}
    joules = [item.joules for item in found if item.joules is not None]
    return Summary(
        question_count=len(found),
        unanswerable_count=len(unanswerable),
        abstained_count=len(abstained),
        method=found[0].method,
        figures=figures,
        mean_ms={name: round(fmean(each), 1) for name, each in times.items()},
        p95_ms={name: round(_percentile(each, 0.95), 1) for name, each in times.items()},
        prompt_tokens=sum(item.prompt_tokens for item in found),
        completion_tokens=sum(item.completion_tokens for item in found),
        joules=round(sum(joules), 3) if joules else None,
    )


def _mean(values: Iterable[float | None]) -> Figure:
    known = [value for value in values if value is not None]
    return Figure(round(fmean(known), 4) if known else None, len(known))


def _percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
