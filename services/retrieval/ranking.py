"""Candidates in their order. Pure."""

from collections.abc import Mapping

from retrieval.domain import Ids, KeptPassage, Ranked, Scores


def rank(candidates: tuple[Ids, Scores], names: Mapping[int, str], most: int) -> dict[str, Ranked]:
    """Number the best candidates from 1, at most `most`, ties by name; those without a name are left out."""
    numbers, scores = candidates
    scored = sorted(
        (-score, names[number])
        for number, score in zip(numbers.tolist(), scores.tolist(), strict=True)
        if number in names
    )
    return {name: Ranked(place, -score) for place, (score, name) in enumerate(scored[:most], 1)}


def rank_kept(
    candidates: tuple[Ids, Scores], passages: Mapping[int, KeptPassage], most: int
) -> list[tuple[float, KeptPassage]]:
    """Order as `rank` does the candidates of a ranking by vectors alone, which come best first; with their scores."""
    numbers, scores = candidates[0].tolist(), candidates[1].tolist()
    found = [
        (score, kept)
        for score, kept in zip(scores, map(passages.get, numbers), strict=True)
        if kept is not None
    ]
    if len(set(scores)) < len(scores):
        found.sort(key=lambda pair: (-pair[0], pair[1].passage.id))
    return found[:most]
