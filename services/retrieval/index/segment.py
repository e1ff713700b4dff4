"""A sealed index with the ids of its vectors and the tombstones of those that are gone."""

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import Bitmap, Effort, Ids, Metric, Scores, SegmentRecord, Vector
from retrieval.index import exact
from retrieval.index.base import Fetch, Sealed
from retrieval.index.known_sets import KnownSets, Places
from retrieval.index.places import common, find, to_places
from retrieval.index.planner import Step

# Vectors that a scan reads at once.
_READ = 8192


class Segment:
    """`ids` ascend, each at the slot of its vector. Only the tombstones ever change."""

    def __init__(self, record: SegmentRecord, ids: Ids, sealed: Sealed, metric: Metric) -> None:
        self.record = record
        self.ids = ids
        self.sealed = sealed
        self._metric = metric
        self._alive: NDArray[np.bool_] = np.ones(len(ids), dtype=bool)
        self._bitmap: Bitmap | None = None  # of the living; None while all are
        self._known_sets = KnownSets()
        self.live_count = len(ids)

    def bury(self, ids: Ids) -> None:
        """Put tombstones on ids; those it does not hold are passed over."""
        slots = find(self.ids, ids)
        if not len(slots):
            return
        self._alive[slots] = False
        self._known_sets.clear()
        self._bitmap = np.packbits(self._alive, bitorder="little")
        self.live_count = int(np.count_nonzero(self._alive))

    def live_ids(self) -> Ids:
        """Return the ids without a tombstone, ascending."""
        return self.ids[self._alive]

    def candidates(
        self, queries: Vector, k: int, allowed: Ids | None, effort: Effort, fetch: Fetch | None
    ) -> tuple[Ids, Scores]:
        """Return ids and scores, both (n, m), that have among them the k best that the segment finds for each query.

        Those that tie with the k-th are there, too. A score is -inf where there is none.
        """
        bitmap, available = self._allowed(allowed)
        k = min(k, available)
        if k == 0:
            return exact.nothing(len(queries))
        if effort is Effort.EXACT and self.sealed.vectors(exact.NOTHING[0]) is None:
            return _side_by_side(self._scan(queries, k, bitmap, fetch))
        if effort is Effort.EXACT:
            found = exact.with_ties(
                lambda wanted: self.sealed.search(queries, wanted, bitmap, effort), k, available
            )
        else:
            found = self.sealed.search(queries, k, bitmap, effort)[1]
        scores = exact.score(self._metric, queries, found, lambda slots: self._vectors(slots, fetch))
        ids = self.ids[found]
        if found.shape[1] >= k and np.minimum.reduce(found, axis=None) >= 0:
            return ids, scores
        rows = list(zip(ids, scores, strict=True))
        short = np.flatnonzero(np.count_nonzero(found >= 0, axis=1) < k).tolist()
        if short:
            for place, scanned in zip(short, self._scan(queries[short], k, bitmap, fetch), strict=True):
                rows[place] = scanned
        return _side_by_side(rows)

    def plan(self, k: int, allowed: Ids | None, effort: Effort) -> Step:
        """Return how a search would go about it."""
        return self.sealed.plan(k, self._allowed(allowed)[0], effort)

    def held(self, ids: Ids) -> tuple[Ids, Vector | None]:
        """Return those of `ids` that live here, and their vectors where the segment keeps them."""
        slots = find(self.ids, ids)
        slots = slots[self._alive[slots]]
        return self.ids[slots], self.sealed.vectors(slots)

    def _allowed(self, allowed: Ids | None) -> tuple[Bitmap | None, int]:
        return (
            (self._bitmap, self.live_count) if allowed is None else self._known_sets.get(allowed, self._find)
        )

    def _find(self, allowed: Ids) -> Places:
        slots = common(self.ids, allowed)
        bits = np.zeros(len(self.ids), dtype=bool)
        bits[slots] = self._alive[slots]
        return np.packbits(bits, bitorder="little"), int(np.count_nonzero(bits))

    def _scan(
        self, queries: Vector, k: int, bitmap: Bitmap | None, fetch: Fetch | None
    ) -> list[tuple[Ids, Scores]]:
        """Score all that is allowed, block by block, and read each vector once for all queries."""
        slots = to_places(bitmap, len(self.ids))
        found = [exact.NOTHING] * len(queries)
        for start in range(0, len(slots), _READ):
            some = slots[start : start + _READ]
            vectors = self._vectors(some, fetch)
            places = np.tile(np.arange(len(some)), (len(queries), 1))
            scores = exact.score(self._metric, queries, places, vectors.__getitem__)
            found = [
                exact.best(np.concatenate([ids, self.ids[some]]), np.concatenate([best, more]), k)
                for (ids, best), more in zip(found, scores, strict=True)
            ]
        return found

    def _vectors(self, slots: Ids, fetch: Fetch | None) -> Vector:
        kept = self.sealed.vectors(slots)
        if kept is not None:
            return kept
        if fetch is None:
            raise ValueError("this kind of segment keeps no exact vectors: a search must bring `fetch`")
        return fetch(self.ids[slots])


def _side_by_side(rows: list[tuple[Ids, Scores]]) -> tuple[Ids, Scores]:
    """Make one array each of rows of ids and scores that are not all as long; a score is -inf where there is none."""
    longest = max(len(row) for row, _ in rows)
    ids, scores = np.zeros((len(rows), longest), dtype=np.int64), np.full((len(rows), longest), -np.inf)
    for place, (row, line) in enumerate(rows):
        ids[place, : len(row)], scores[place, : len(row)] = row, line
    return ids, scores
