"""Sealed segments that are HNSW graphs, over whole vectors or over codes of one byte a component.

Source: Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
Small World graphs", IEEE TPAMI 42 (2020).
"""

import functools
from typing import Any

import faiss
import numpy as np

from retrieval.domain import Bitmap, Effort, Hnsw, Ids, Vector
from retrieval.index.faiss_segment import FaissSegment, Found
from retrieval.index.planner import Costs

# What one more held vector costs a walk, in vectors scanned: from about 20, filtered and beyond the caches, to 150.
_SCANNED = 64
# FAISS goes through all that a walk holds at each of its steps.
_WIDEST = 8192


@functools.lru_cache(maxsize=64)
def _parameters(width: int) -> Any:
    """Searches only read them, so they share them: making them takes a tenth of a small search."""
    return faiss.SearchParametersHNSW(efSearch=width)  # type: ignore[attr-defined]


class GraphSegment(FaissSegment):
    """HNSW over whole vectors."""

    def __init__(self, index: faiss.IndexHNSW, options: Hnsw) -> None:
        widths = {Effort.DEFAULT: options.ef_search, Effort.ACCURATE: options.accurate_ef_search}
        super().__init__(index, Costs(widths, _WIDEST, _SCANNED))
        self._graph: Any = index  # its stubs lack much
        self._storage: Any = faiss.downcast_index(index.storage)

    @property
    def nbytes(self) -> int:
        """Size in memory, in bytes: vectors or their codes, links, and where each vector's links begin."""
        hnsw = self._graph.hnsw
        links = 4 * hnsw.neighbors.size() + 4 * hnsw.levels.size() + 8 * hnsw.offsets.size()
        return int(links) + self.ntotal * int(self._storage.code_size)

    @functools.cached_property
    def _rows(self) -> Vector:
        """The vectors where FAISS keeps them, (ntotal, dimension)."""
        flat = faiss.rev_swig_ptr(self._storage.get_xb(), self.ntotal * self.dimension)
        return np.asarray(flat, dtype=np.float32).reshape(-1, self.dimension)

    def vectors(self, slots: Ids) -> Vector | None:
        """Return the very vectors it was built from (n, dimension), None from a kind that keeps none."""
        return self._rows.take(slots, axis=0)

    def _walk(self, queries: Vector, fetch: int, width: int, allowed: Bitmap | None) -> Found:
        parameters = _parameters(width)
        if allowed is None:
            found: Found = self._graph.search(queries, fetch, params=parameters)
            return found
        distances, slots = self._graph.search(queries, max(width, fetch), params=parameters)
        barred = (slots < 0) | ((allowed[slots >> 3] >> (slots & 7).astype(np.uint8)) & 1 == 0)
        slots[barred] = -1
        first = np.argsort(barred, axis=1, kind="stable")[:, :fetch]
        return np.take_along_axis(distances, first, axis=1), np.take_along_axis(slots, first, axis=1)

    def _scan(self, queries: Vector, fetch: int, allowed: Bitmap | None) -> Found:
        selector = None if allowed is None else faiss.IDSelectorBitmap(allowed)  # type: ignore[call-arg, arg-type]
        parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        found: Found = self._storage.search(queries, fetch, params=parameters)
        return found


class QuantizedGraphSegment(GraphSegment):
    """HNSW over codes of one byte a component."""

    oversampling = 4

    def vectors(self, slots: Ids) -> Vector | None:
        """Return None: codes are all it keeps."""
        return None
