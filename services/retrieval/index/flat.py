"""Exact search: a FAISS flat index, with ids and filters kept beside it."""

import faiss
import numpy as np

from retrieval.domain import CollectionSpec, Ids, Metric, Scores, Vector

# Ties with the k-th result are followed this far; beyond, the lower ids win.
_MAX_TIES = 4096
_SLACK = 32


class FlatIndex:
    """All vectors in one array; `_ids` is parallel to it and ascending, so a slot is found by bisection."""

    def __init__(self, spec: CollectionSpec) -> None:
        self._dimension = spec.dimension
        self._metric = spec.metric
        kind = faiss.IndexFlatL2 if spec.metric is Metric.L2 else faiss.IndexFlatIP
        self._flat = kind(spec.dimension)
        self._ids: Ids = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return int(self._flat.ntotal)

    @property
    def nbytes(self) -> int:
        """Size of the vectors in memory, in bytes."""
        return len(self) * self._dimension * 4

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

    def remove(self, ids: Ids) -> None:
        """Remove ids; those it does not hold are passed over."""
        slots = self._slots(ids)
        if not len(slots):
            return
        count = len(self)
        keep = np.ones(count, dtype=bool)
        keep[slots] = False
        bitmap, selector = _selector(slots, count)
        self._flat.remove_ids(selector)  # moves the rest up and keeps their order
        del bitmap
        self._ids = self._ids[:count][keep]

    def search(self, query: Vector, k: int, allowed: Ids | None = None) -> tuple[Ids, Scores]:
        """Return the k best ids and their scores, best first, and after them those that tie with the k-th.

        FAISS picks the candidates in float32. Their scores are then computed in float64, one by one, so equal
        vectors score equal wherever they lie and a restart changes nothing.
        """
        slots = None if allowed is None else self._slots(allowed)
        available = len(self) if slots is None else len(slots)
        k = min(k, available)
        if k == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
        bitmap, selector = (None, None) if slots is None else _selector(slots, len(self))
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        wanted = min(k + _SLACK, available)
        while True:
            distances, found = self._flat.search(query[None, :], wanted, params=parameters)
            gap = abs(float(distances[0, wanted - 1]) - float(distances[0, k - 1]))
            tolerance = 1e-5 * max(1.0, abs(float(distances[0, k - 1])))
            if gap > tolerance or wanted == available or wanted >= k + _MAX_TIES:
                break
            wanted = min(2 * wanted, available, k + _MAX_TIES)
        del bitmap
        candidates = found[0][found[0] >= 0]
        scores = self._score(query, candidates)
        best = np.lexsort((self._ids[candidates], -scores))
        best = best[scores[best] >= scores[best[k - 1]]]
        return self._ids[candidates[best]], scores[best]

    def ids(self) -> Ids:
        """Return all ids, ascending."""
        return self._ids[: len(self)]

    def vectors(self, start: int, stop: int) -> Vector:
        """Return the vectors at these places of `ids()`, (stop - start, dimension)."""
        return self._view()[start:stop].copy()

    def _score(self, query: Vector, slots: Ids) -> Scores:
        rows = self._view()[slots].astype(np.float64)
        if self._metric is Metric.L2:
            return np.asarray(-np.square(rows - query).sum(axis=1), dtype=np.float64)
        scores = (rows * query.astype(np.float64)).sum(axis=1)
        if self._metric is Metric.COSINE:
            scores = scores.clip(-1.0, 1.0)
        return np.asarray(scores, dtype=np.float64)

    def _slots(self, ids: Ids) -> Ids:
        held = self.ids()
        places = np.searchsorted(held, ids)
        inside = places < len(held)
        places, ids = places[inside], ids[inside]
        return np.asarray(places[held[places] == ids], dtype=np.int64)

    def _view(self) -> Vector:
        """The vectors where FAISS keeps them, (ntotal, dimension); valid until the next change."""
        if not len(self):
            return np.empty((0, self._dimension), dtype=np.float32)
        flat = faiss.rev_swig_ptr(self._flat.get_xb(), len(self) * self._dimension)
        return np.asarray(flat, dtype=np.float32).reshape(-1, self._dimension)


def _selector(slots: Ids, count: int) -> tuple[object, faiss.IDSelector]:
    """Return a bitmap over `count` slots and the FAISS selector that points into it."""
    bits = np.zeros(count, dtype=bool)
    bits[slots] = True
    bitmap = np.packbits(bits, bitorder="little")
    return bitmap, faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]
