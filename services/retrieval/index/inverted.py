"""Sealed segments that are inverted lists of product-quantised vectors.

Source: Jégou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 33 (2011).
"""

import math

import faiss

from retrieval.domain import Bitmap, Effort, IvfPq, Vector
from retrieval.index.faiss_segment import FaissSegment, Found
from retrieval.index.planner import Costs

# A share of few lists misses too much, and few lists are looked through in no time: so many vectors at least.
_LEAST = {Effort.DEFAULT: 5000, Effort.ACCURATE: 20_000}


class InvertedSegment(FaissSegment):
    """Inverted lists; the width of a walk is the number of vectors in the lists that it probes."""

    oversampling = 10

    def __init__(self, index: faiss.IndexIVF, options: IvfPq) -> None:
        shares = {Effort.DEFAULT: options.probe_share, Effort.ACCURATE: options.accurate_probe_share}
        self._widths = {
            effort: min(max(math.ceil(index.ntotal * share), _LEAST[effort]), index.ntotal)
            for effort, share in shares.items()
        }
        # A scan is the walk through all lists, so no walk costs more.
        super().__init__(index, Costs(index.ntotal, 0))
        self._lists = index

    @property
    def nbytes(self) -> int:
        """Size in memory, in bytes: codes with their slots, and the lists' centroids."""
        return int(self.ntotal * (self._lists.code_size + 8) + 4 * self._lists.nlist * self.dimension)

    def width(self, effort: Effort) -> int:
        """Return how many vectors a walk holds to find the nearest 10, if all are allowed."""
        return self._widths[effort]

    def _walk(self, queries: Vector, fetch: int, width: int, allowed: Bitmap | None) -> Found:
        # A selector does no harm here: it bars vectors, never a way to others.
        return self._probe(queries, fetch, math.ceil(width * self._lists.nlist / self.ntotal), allowed)

    def _scan(self, queries: Vector, fetch: int, allowed: Bitmap | None) -> Found:
        return self._probe(queries, fetch, self._lists.nlist, allowed)

    def _probe(self, queries: Vector, fetch: int, lists: int, allowed: Bitmap | None) -> Found:
        selector = None if allowed is None else faiss.IDSelectorBitmap(allowed)  # type: ignore[call-arg, arg-type]
        parameters = faiss.SearchParametersIVF(nprobe=lists, sel=selector)  # type: ignore[call-arg]
        return self._lists.search(queries, fetch, params=parameters)
