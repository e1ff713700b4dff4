"""What sealed segments over FAISS share: planning, and the fall back on a scan."""

from abc import ABC, abstractmethod
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.domain import Bitmap, Effort, Ids, Vector
from retrieval.index.places import members, to_places
from retrieval.index.planner import Costs, Scan, Step, Walk, choose

Found = tuple[NDArray[np.float32], Ids]

# Candidates beyond those wanted: float32 may order near neighbours differently than float64.
_SLACK = 8
# So few allowed vectors are all candidates where stored vectors are read to score them anyway.
_FEW = 1024


class FaissSegment(ABC):
    """A FAISS index that is never changed again. It finds `oversampling` candidates for each that is wanted."""

    oversampling = 1

    def __init__(self, index: faiss.Index, costs: Costs) -> None:
        self._index = index
        self._costs = costs
        # Known once for all: asking FAISS takes longer than all else that a search asks.
        self._ntotal, self._dimension = int(index.ntotal), int(index.d)

    @property
    def ntotal(self) -> int:
        """Number of vectors."""
        return self._ntotal

    @property
    def dimension(self) -> int:
        """Their dimension."""
        return self._dimension

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Size in memory, in bytes."""

    def plan(self, k: int, allowed: Bitmap | None, effort: Effort) -> Step:
        """Return how a search would go about it."""
        count = members(allowed, self.ntotal)
        if effort is Effort.EXACT or self._scores_all(count):
            return Scan()
        return choose(self.ntotal, count, min(k, count), self.width(effort), self._costs)

    def search(self, queries: Vector, k: int, allowed: Bitmap | None, effort: Effort) -> Found:
        """Return FAISS distances and slots, both (n, at least min(k, allowed)), best first.

        Slots are -1 only where fewer are allowed. Kinds that keep no vectors return every allowed slot, at
        distance 0, when few are allowed.
        """
        count = members(allowed, self.ntotal)
        wanted = min(min(k, count) * self.oversampling, count)
        fetch = min(wanted + _SLACK, count)
        if not fetch:
            return np.empty((len(queries), 0), dtype=np.float32), np.empty((len(queries), 0), dtype=np.int64)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if self._scores_all(count):
            slots = to_places(allowed, self.ntotal)
            return np.zeros((len(queries), count), dtype=np.float32), np.tile(slots, (len(queries), 1))
        step = self.plan(k, allowed, effort)
        if not isinstance(step, Walk):
            return self._scan(queries, fetch, allowed)
        distances, slots = self._walk(queries, fetch, step.width, allowed)
        if np.minimum.reduce(slots[:, wanted - 1]) < 0:  # what was not found stands last
            short = np.flatnonzero(slots[:, wanted - 1] < 0)
            distances[short], slots[short] = self._scan(queries[short], fetch, allowed)
        return distances, slots

    def vectors(self, slots: Ids) -> Vector | None:
        """Return the very vectors it was built from (n, dimension), None from a kind that keeps none."""
        return None

    def write(self, path: Path) -> None:
        """Write it to a new file; making that durable is the caller's part."""
        faiss.write_index(self._index, str(path))

    def _scores_all(self, count: int) -> bool:
        return self.oversampling > 1 and count <= _FEW

    @abstractmethod
    def width(self, effort: Effort) -> int:
        """Return how many vectors a walk holds to find the nearest 10, if all are allowed."""

    @abstractmethod
    def _walk(self, queries: Vector, fetch: int, width: int, allowed: Bitmap | None) -> Found:
        """Return the best `fetch` allowed ones that a walk of this width meets, (n, fetch), padded with -1."""

    @abstractmethod
    def _scan(self, queries: Vector, fetch: int, allowed: Bitmap | None) -> Found:
        """Return the best `fetch` of all that are allowed, (n, fetch)."""
