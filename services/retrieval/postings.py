"""BM25 of words whose chunks are in memory, each with what the word adds to its score. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.domain import Ids, Scores

# Scores lie in an array over all numbers between the first chunk and the last; others' chunks may lie between.
_SPARSEST, _SMALL = 8, 1 << 16


@dataclass(frozen=True, slots=True)
class Postings:
    """The chunks that a word is in, ascending, and what it adds to the score of each."""

    chunks: Ids
    scores: Scores

    @property
    def nbytes(self) -> int:
        """Size in memory, in bytes."""
        return self.chunks.nbytes + self.scores.nbytes


def best(words: Sequence[Postings], limit: int, allowed: Ids | None) -> tuple[Ids, Scores] | None:
    """Return the best `limit` of the chunks, with the sums of their scores, equal ones by number.

    `allowed` (ascending) restricts them. None where their numbers lie too far apart for this.
    """
    held = [word for word in words if len(word.chunks)]
    if not held:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
    first = min(int(word.chunks[0]) for word in held)
    width = max(int(word.chunks[-1]) for word in held) - first + 1
    if width > _SMALL + _SPARSEST * sum(len(word.chunks) for word in held):
        return None
    scores = np.zeros(width)
    for word in held:  # in the order of FTS5's sum
        scores[word.chunks - first] += word.scores
    if allowed is not None:
        inside = slice(*np.searchsorted(allowed, (first, first + width)))
        allowed = allowed[inside]
        scores = scores[allowed - first]
    least = np.partition(scores, len(scores) - limit)[-limit] if len(scores) > limit else 0.0
    some = np.flatnonzero(scores >= max(least, np.finfo(float).tiny))  # ascending, as their numbers are
    order = some[np.argsort(-scores[some], kind="stable")[:limit]]
    return (order + first if allowed is None else allowed[order]), scores[order]
