"""The best chunks by BM25, found without scoring each that has a common word. Pure.

Source: Turtle, Flood, "Query evaluation: strategies and optimizations", Information Processing & Management 31 (1995),
whose MaxScore tells when the rarer words alone decide what comes first. BM25 is FTS5's.
"""

import bisect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence

from retrieval.lexical import any_of

Matches = list[tuple[int, float]]  # chunks and their scores, best first, equal ones by number
Search = Callable[[str, int], Matches]
FromMemory = Callable[[Mapping[str, int]], Matches | None]

# FTS5's: how far a word's repetitions count, and what a word weighs at least.
_K1, _LEAST = 1.2, 1e-6


def best(
    counts: Mapping[str, int],
    total: int,
    limit: int,
    search: Search,
    remembered: FromMemory = lambda counts: None,
) -> Matches:
    """Return the best `limit` of the chunks that have any of the words.

    A word that more than half of all chunks have weighs nothing. Such words are asked for only where the others find
    too few, in chunks that have none of these.

    Args:
        counts: in how many chunks each word is, or a few less.
        total: how many chunks there are.
        search: returns the best so many by an FTS5 expression, each with its BM25 score.
        remembered: returns the best `limit` that have any of these words, if memory knows them.
    """
    words = sorted(filter(counts.__getitem__, counts), key=lambda word: (counts[word], word))
    telling = [word for word in words if 2 * counts[word] <= total]
    common = words[len(telling) :]
    found = remembered({word: counts[word] for word in telling})
    if found is None:
        found = _best(telling, counts, total, limit, search) if telling else []
    if common and len(found) < limit:
        without = f"({any_of(common)}) NOT ({any_of(telling)})" if telling else any_of(common)
        found += search(without, limit - len(found))
    return found


def _best(words: Sequence[str], counts: Mapping[str, int], total: int, limit: int, search: Search) -> Matches:
    """Score the chunks that have one of the first `needed` words: as many as it takes to be sure, the rarest first."""
    most = [_weight(counts[word], total) * (_K1 + 1) for word in words]  # that a word adds to a score
    rest = [*itertools.accumulate(reversed(most), initial=0.0)][::-1]  # that all from this one on add
    met = [*itertools.accumulate(counts[word] for word in words)]  # chunks, were no two words in one
    enough, needed = _reaching(met, limit), 0
    while enough > needed:
        needed = enough
        found = _apart(words[:needed], words[needed:], limit, search)
        if len(found) < limit:  # a filter lets few of them through
            enough = max(_reaching(met, met[needed - 1] * limit / max(1, len(found))), needed + 1)
        else:
            enough = next(count for count, more in enumerate(rest) if more < found[-1][1])
        enough = min(enough, len(words))
    return found


def _reaching(met: Sequence[int], goal: float) -> int:
    """The number of words with which so many chunks are met, or of all."""
    return min(bisect.bisect_left(met, goal) + 1, len(met))


def _apart(words: Sequence[str], others: Sequence[str], limit: int, search: Search) -> Matches:
    """Score the chunks that have one of these words by all words: FTS5 knows no word that may be there."""
    if not others:
        return search(any_of(words), limit)
    found = search(f"({any_of(words)}) AND ({any_of(others)})", limit)
    found += search(f"({any_of(words)}) NOT ({any_of(others)})", limit)
    return sorted(found, key=lambda match: (-match[1], match[0]))[:limit]


def _weight(count: int, total: int) -> float:
    """Return the inverse document frequency of a word, as FTS5 has it."""
    return max(_LEAST, math.log((total - count + 0.5) / (count + 0.5)))
