"""usearch, in float32 as the others."""

from pathlib import Path

import numpy as np
from usearch.index import Index

from benchmarks.peers.vectors import EF_CONSTRUCTION, EFFORTS, Found, K, M, Vectors, main


class Hnsw:
    """Its numbers of neighbours and candidates, as the others'."""

    efforts = EFFORTS

    def __init__(self, folder: Path, dimension: int) -> None:
        self._index = Index(
            ndim=dimension, metric="ip", dtype="f32", connectivity=M, expansion_add=EF_CONSTRUCTION
        )

    def add(self, start: int, vectors: Vectors) -> None:
        """Add vectors."""
        self._index.add(np.arange(start, start + len(vectors), dtype=np.uint64), vectors)

    def finish(self) -> None:
        """Nothing is left to do."""

    def search(self, queries: Vectors, effort: int) -> Found:
        """Search."""
        self._index.expansion_search = effort
        keys = self._index.search(queries, K).keys
        return np.atleast_2d(keys)


if __name__ == "__main__":
    main(("usearch",), Hnsw)
