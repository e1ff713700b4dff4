"""Sealed segments that are HNSW graphs, over whole vectors or over codes of one byte a component.

Source: Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
Small World graphs", IEEE TPAMI 42 (2020).
"""

import functools
from typing import Any

import faiss
import numpy as np

from retrieval.domain import Bitmap, Effort, Ids, Metric, Vector
from retrieval.index.calibration import K, least_width
from retrieval.index.faiss_segment import FaissSegment, Found
from retrieval.index.planner import Costs, Walk, choose
from retrieval.index.widths import LEAST, UNLEARNED, Widths
from retrieval.memory import use_large_pages

# What one more held vector costs a walk, in vectors scanned: from about 20, filtered and beyond the caches, to 150.
_SCANNED = 64
# FAISS goes through all that a walk holds at each of its steps.
_WIDEST = 8192
# What FAISS notes as the width where nobody set one; no calibration gives it.
_UNSET = 16


@functools.lru_cache(maxsize=64)
def _parameters(width: int) -> Any:
    """Searches only read them, so they share them: making them takes a tenth of a small search."""
    return faiss.SearchParametersHNSW(efSearch=width)  # type: ignore[attr-defined]


class GraphSegment(FaissSegment):
    """HNSW over whole vectors. `index.hnsw.efSearch`, which is written with it, is the width it was calibrated to."""

    def __init__(self, index: faiss.IndexHNSW, widths: Widths) -> None:
        super().__init__(index, Costs(_WIDEST, _SCANNED))
        self._widths = widths
        self._graph: Any = index  # its stubs lack much
        self._storage: Any = faiss.downcast_index(index.storage)
        noted = int(self._graph.hnsw.efSearch)
        self.calibrated = UNLEARNED if noted == _UNSET else noted
        self._use_large_pages()

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

    def width(self, effort: Effort) -> int:
        """Return how many vectors a walk holds to find the nearest 10, if all are allowed."""
        return self._widths.width(effort, self.calibrated)

    def calibrate(self, vectors: Vector, metric: Metric, target: float) -> None:
        """Set the width for this recall of the vectors that it was built from, (n, dimension), if it is ever walked."""
        if not isinstance(choose(self.ntotal, self.ntotal, K, LEAST, self._costs), Walk):
            return

        def walk(queries: Vector, width: int) -> Ids:
            return self._walk(queries, K * self.oversampling, width, None)[1]

        self.calibrated = self._graph.hnsw.efSearch = least_width(metric, vectors, walk, target)

    def walks(self, k: int, effort: Effort) -> bool:
        """Tell whether a search without a filter walks, no wider for its k, or did so before it learned to scan."""
        widths = self.width(effort), self._widths.begun(effort, self.calibrated)
        return any(choose(self.ntotal, self.ntotal, k, width, self._costs) == Walk(width) for width in widths)

    def vectors(self, slots: Ids) -> Vector | None:
        """Return the very vectors it was built from (n, dimension), None from a kind that keeps none."""
        return self._rows.take(slots, axis=0)

    def _use_large_pages(self) -> None:
        codes, links = self._storage.codes, self._graph.hnsw.neighbors
        use_large_pages(int(codes.data()), codes.size())
        use_large_pages(int(links.data()), 4 * links.size())

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
