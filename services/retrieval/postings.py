"""BM25 of words whose chunks are in memory, each with what the word adds to its score. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.domain import Ids, Scores
from retrieval.index.places import lacking

# Sums are made in an array over all numbers from the first chunk to the last, unless that were so much longer.
_SPARSEST, _SMALL = 4, 1 << 16


@dataclass(frozen=True, slots=True)
class Postings:
    """The chunks that a word is in, ascending, and what it adds to the score of each."""

    chunks: Ids
    scores: Scores

    @property
    def nbytes(self) -> int:
        """Size in memory, in bytes."""
        return self.chunks.nbytes + self.scores.nbytes


def best(words: Sequence[Postings], limit: int, allowed: Ids | None) -> tuple[Ids, Scores]:
    """Return the best `limit` of the chunks, with the sums of their scores, equal ones by number.

    `allowed` (ascending) restricts them.
    """
    chunks, scores = _sums([word for word in words if len(word.chunks)])
    if allowed is not None:
        inside = ~lacking(allowed, chunks)
        chunks, scores = chunks[inside], scores[inside]
    if len(scores) > limit:
        some = np.flatnonzero(scores >= np.partition(scores, len(scores) - limit)[-limit])
        chunks, scores = chunks[some], scores[some]
    order = np.argsort(-scores, kind="stable")[:limit]
    return chunks[order], scores[order]


def _sums(words: Sequence[Postings]) -> tuple[Ids, Scores]:
    """Return the chunks that any word is in, ascending, and what all add to each, in the order of FTS5's sum."""
    if not words:
        return np.empty(0, dtype=np.int64), np.empty(0)
    first = min(int(word.chunks[0]) for word in words)
    width = max(int(word.chunks[-1]) for word in words) - first + 1
    if width > _SMALL + _SPARSEST * sum(len(word.chunks) for word in words):
        chunks, places = np.unique(np.concatenate([word.chunks for word in words]), return_inverse=True)
        return chunks, np.bincount(places, np.concatenate([word.scores for word in words])).astype(np.float64)
    sums = np.zeros(width)
    for word in words:
        sums[word.chunks - first] += word.scores
    places = np.flatnonzero(sums)
    return places + first, sums[places]
