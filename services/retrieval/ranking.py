"""Candidates in their order. Pure."""

from collections.abc import Mapping

from retrieval.domain import Ids, Ranked, Scores


def rank(candidates: tuple[Ids, Scores], names: Mapping[int, str], most: int) -> dict[str, Ranked]:
    """Number the best candidates from 1, at most `most`, ties by name; those without a name are left out."""
    numbers, scores = candidates
    scored = sorted(
        (-score, names[number])
        for number, score in zip(numbers.tolist(), scores.tolist(), strict=True)
        if number in names
    )
    return {name: Ranked(place, -score) for place, (score, name) in enumerate(scored[:most], 1)}
