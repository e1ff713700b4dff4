"""Joining two rankings into one score per chunk. Pure."""

import statistics
from collections.abc import Mapping, Sequence


def reciprocal_rank(rankings: Sequence[Sequence[str]], k: int) -> dict[str, float]:
    """Score every id by the sum of 1 / (k + rank), rank from 1.

    Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
    Learning Methods", SIGIR 2009.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, chunk in enumerate(ranking, start=1):
            scores[chunk] = scores.get(chunk, 0.0) + 1.0 / (k + rank)
    return scores


def weighted(rankings: Sequence[Mapping[str, float]], weights: Sequence[float]) -> dict[str, float]:
    """Score every id by the weighted sum of its scores, each scaled to 0..1 over its ranking's candidates.

    An id that a ranking lacks gets 0 from it; candidates that all score alike get 1.
    """
    total: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for chunk, score in scaled(ranking).items():
            total[chunk] = total.get(chunk, 0.0) + weight * score
    return total


def scaled(scores: Mapping[str, float]) -> dict[str, float]:
    """Scale scores to 0..1 between their extremes; all 1 when they are all alike."""
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {chunk: (score - low) / (high - low) if high > low else 1.0 for chunk, score in scores.items()}


def distribution_based(rankings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Score every id by the sum of its scores, each scaled to 0..1 over its ranking's mean ± 3 deviations.

    The deviation is that of the population. An id that a ranking lacks gets 0 from it; candidates that all
    score alike get 0.5. Source: Mazzeschi, "Distribution-Based Score Fusion (DBSF), a new approach to Vector
    Search Ranking", 2023.
    """
    total: dict[str, float] = {}
    for ranking in rankings:
        if not ranking:
            continue
        mean, deviation = statistics.fmean(ranking.values()), statistics.pstdev(ranking.values())
        for chunk, score in ranking.items():
            place = 0.5 + (score - mean) / (6 * deviation) if deviation else 0.5
            total[chunk] = total.get(chunk, 0.0) + min(max(place, 0.0), 1.0)
    return total


def order(scores: Mapping[str, float]) -> list[str]:
    """Return ids by descending score, ties by id."""
    return sorted(scores, key=lambda chunk: (-scores[chunk], chunk))
