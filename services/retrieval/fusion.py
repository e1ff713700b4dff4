"""Joining two rankings into one score per chunk. Pure."""

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
        low, high = min(ranking.values(), default=0.0), max(ranking.values(), default=0.0)
        for chunk, score in ranking.items():
            scaled = (score - low) / (high - low) if high > low else 1.0
            total[chunk] = total.get(chunk, 0.0) + weight * scaled
    return total


def order(scores: Mapping[str, float]) -> list[str]:
    """Return ids by descending score, ties by id."""
    return sorted(scores, key=lambda chunk: (-scores[chunk], chunk))
