"""Exact search: a FAISS flat index, with ids and filters kept beside it."""

from collections.abc import Iterable

import faiss
import numpy as np

from retrieval.domain import CollectionSpec, Effort, Ids, Metric, Scores, Vector
from retrieval.index import exact
from retrieval.index.base import Fetch
from retrieval.index.places import common, find, to_bitmap


class FlatIndex:
    """All vectors in one array; `_ids` is parallel to it and ascending, so a slot is found by bisection."""

    def __init__(self, spec: CollectionSpec) -> None:
        self._dimension = spec.dimension
        self._metric = spec.metric
        kind = faiss.IndexFlatL2 if spec.metric is Metric.L2 else faiss.IndexFlatIP
        self._flat = kind(spec.dimension)
        self._count = 0  # of what it holds; asking FAISS takes longer than all else that a search asks
        self._ids: Ids = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Size of the vectors in memory, in bytes."""
        return len(self) * self._dimension * 4

    @property
    def in_memory(self) -> bool:
        """It is."""
        return True

    def add(self, ids: Ids, vectors: Vector) -> None:
        """Add vectors (n, dimension) under ids that ascend and exceed all that were ever added."""
        if not len(ids):
            return
        count = len(self)
        if vectors.shape != (len(ids), self._dimension):
            raise ValueError(f"expected shape {(len(ids), self._dimension)}, not {vectors.shape}")
        if (np.diff(ids) <= 0).any() or (count and ids[0] <= self._ids[count - 1]):
            raise ValueError("ids must ascend")
        if count + len(ids) > len(self._ids):  # grown by doubling: an add costs what it adds
            grown = np.empty(max(2 * len(self._ids), count + len(ids), 1024), dtype=np.int64)
            grown[:count] = self._ids[:count]
            self._ids = grown
        self._flat.add(np.ascontiguousarray(vectors, dtype=np.float32))
        self._ids[count : count + len(ids)] = ids
        self._count = int(self._flat.ntotal)

    def remove(self, ids: Ids) -> None:
        """Remove ids; those it does not hold are passed over."""
        slots = find(self.ids(), ids)
        if not len(slots):
            return
        count = len(self)
        keep = np.ones(count, dtype=bool)
        keep[slots] = False
        bitmap = to_bitmap(slots, count)
        self._flat.remove_ids(faiss.IDSelectorBitmap(bitmap))  # type: ignore[call-arg, arg-type]
        del bitmap  # FAISS pointed into it, moved the rest up and kept their order
        self._ids = self._ids[:count][keep]
        self._count = int(self._flat.ntotal)

    def search(
        self,
        queries: Vector,
        k: int,
        allowed: Ids | None = None,
        effort: Effort = Effort.EXACT,
        fetch: Fetch | None = None,
    ) -> list[tuple[Ids, Scores]]:
        """Return for each query the k best ids and their scores, best first, then those that tie with the k-th.

        FAISS picks the candidates in float32. Their scores are then computed in float64, one by one, so equal
        vectors score equal wherever they lie and a restart changes nothing.
        """
        return exact.best_of_each(*self.candidates(queries, k, allowed), k)

    def candidates(self, queries: Vector, k: int, allowed: Ids | None) -> tuple[Ids, Scores]:
        """Return ids and scores, both (n, m), that have among them what `search` returns; -inf in place of none."""
        slots = None if allowed is None else common(self.ids(), allowed)
        available = len(self) if slots is None else len(slots)
        k = min(k, available)
        if k == 0:
            return exact.nothing(len(queries))
        bitmap = None if slots is None else to_bitmap(slots, len(self))
        selector = None if bitmap is None else faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        found = exact.with_ties(
            lambda wanted: self._flat.search(queries, wanted, params=parameters), k, available
        )
        del bitmap
        scores = exact.score(self._metric, queries, found, self._view().__getitem__)
        return self._ids[found], scores

    def ids(self) -> Ids:
        """Return all ids, ascending."""
        return self._ids[: len(self)]

    def vectors(self, places: Ids | slice) -> Vector:
        """Return the vectors at these places of `ids()`, (n, dimension); valid until the next change."""
        return self._view()[places]

    def learn(self, k: int, effort: Effort, recall: float) -> bool:
        """Learn nothing: it finds all."""
        return False

    def explain(self, k: int, allowed: Ids | None, effort: Effort) -> list[str]:
        """Tell nothing: it is a plain scan."""
        return []

    def mismatch(self, stored: Iterable[tuple[Ids, Vector]]) -> str | None:
        """Compare with the stored vectors, bit by bit."""
        place = 0
        for ids, vectors in stored:
            stop = place + len(ids)
            if not np.array_equal(self.ids()[place:stop], ids):
                return "holds other chunks than the database"
            if not np.array_equal(self._view()[place:stop], vectors):
                return "holds other vectors than the database"
            place = stop
        return None if place == len(self) else f"holds {len(self)} vectors, the database {place}"

    def _view(self) -> Vector:
        """The vectors where FAISS keeps them, (ntotal, dimension); valid until the next change."""
        if not len(self):
            return np.empty((0, self._dimension), dtype=np.float32)
        flat = faiss.rev_swig_ptr(self._flat.get_xb(), len(self) * self._dimension)
        return np.asarray(flat, dtype=np.float32).reshape(-1, self._dimension)
