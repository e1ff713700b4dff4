"""Candidates in their order. Pure."""

from collections.abc import Mapping

from retrieval.domain import Hit, Ids, Ranked, Scores
from retrieval.kept import KeptPassage


def rank(candidates: tuple[Ids, Scores], names: Mapping[int, str], most: int) -> dict[str, Ranked]:
    """Number the best candidates from 1, at most `most`, ties by name; those without a name are left out."""
    numbers, scores = candidates
    scored = sorted(
        (-score, names[number])
        for number, score in zip(numbers.tolist(), scores.tolist(), strict=True)
        if number in names
    )
    return {name: Ranked(place, -score) for place, (score, name) in enumerate(scored[:most], 1)}


def dense_hits(
    candidates: tuple[Ids, Scores], passages: Mapping[int, KeptPassage], most: int
) -> tuple[Hit, ...]:
    """Return the hits of a ranking by vectors alone, whose candidates come best first; numbered as `rank` does."""
    numbers, scores = candidates[0].tolist(), candidates[1].tolist()
    found = [
        (score, passages[number]) for number, score in zip(numbers, scores, strict=True) if number in passages
    ]
    if len(set(scores)) < len(scores):
        found.sort(key=lambda pair: (-pair[0], pair[1].passage.id))
    return tuple(
        Hit(kept.passage, score, Ranked(place, score), None, kept.encoded)
        for place, (score, kept) in enumerate(found[:most], 1)
    )
