"""BM25 of words whose chunks are in memory, each with what the word adds to its score. Pure."""

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.domain import Ids, Scores
from retrieval.index.places import lacking

# Sums are made in an array over all numbers from the first chunk to the last, unless that were so much longer.
_SPARSEST, _SMALL = 4, 1 << 16
# Sums in another order differ by less.
_ROUNDED = 1 + 1e-9


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

    `words` come rarest first; `allowed` (ascending) restricts the chunks. Only chunks of the first words are looked at,
    of as many as it takes until the rest together cannot lift another chunk among the best (MaxScore, see `bm25`).
    """
    words = [word for word in words if len(word.chunks)]
    most = [float(word.scores.max()) for word in words]
    rest = [more * _ROUNDED for more in itertools.accumulate(reversed(most), initial=0.0)][::-1]
    met = [*itertools.accumulate(len(word.chunks) for word in words)]  # chunks, were no two words in one
    enough, needed = min(bisect.bisect_left(met, limit) + 1, len(words)), 0
    chunks, sums, least = *_sums(()), 0.0
    while enough > needed:
        needed = enough
        chunks, sums = _sums(words[:needed])
        if allowed is not None:
            inside = ~lacking(allowed, chunks)
            chunks, sums = chunks[inside], sums[inside]
        least = _nth(sums, limit)
        enough = next((count for count, more in enumerate(rest) if more < least), len(words))
    may = sums + rest[needed] >= least
    chunks, sums = chunks[may], sums[may]
    for word in words[needed:]:
        sums += _added(word, chunks)
    some = np.flatnonzero(sums >= _nth(sums, limit))
    order = some[np.argsort(-sums[some], kind="stable")[:limit]]
    return chunks[order], sums[order]


def _nth(scores: Scores, place: int) -> float:
    """Return the score at this place among the best, counted from 1; 0 where there are fewer."""
    return float(np.partition(scores, len(scores) - place)[-place]) if len(scores) >= place else 0.0


def _added(word: Postings, chunks: Ids) -> Scores:
    """Return what a word adds to the score of each of these chunks."""
    places = np.minimum(np.searchsorted(word.chunks, chunks), len(word.chunks) - 1)
    return np.where(word.chunks[places] == chunks, word.scores[places], 0.0)


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
