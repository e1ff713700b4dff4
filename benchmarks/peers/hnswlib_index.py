"""hnswlib."""

from pathlib import Path

import hnswlib

from benchmarks.peers.vectors import EF_CONSTRUCTION, EFFORTS, Found, K, M, Vectors, main


class Hnsw:
    """It must be told how many there will be, so it is given room as it grows."""

    efforts = EFFORTS

    def __init__(self, folder: Path, dimension: int) -> None:
        self._index = hnswlib.Index(space="ip", dim=dimension)
        self._index.init_index(max_elements=1, M=M, ef_construction=EF_CONSTRUCTION)

    def add(self, start: int, vectors: Vectors) -> None:
        """Add vectors."""
        if start + len(vectors) > self._index.get_max_elements():
            self._index.resize_index(2 * (start + len(vectors)))
        self._index.add_items(vectors, range(start, start + len(vectors)))

    def finish(self) -> None:
        """Give back the room that was not needed."""
        self._index.resize_index(self._index.get_current_count())

    def search(self, queries: Vectors, effort: int) -> Found:
        """Search."""
        self._index.set_ef(effort)
        found: Found = self._index.knn_query(queries, k=K)[0]
        return found


if __name__ == "__main__":
    main(("hnswlib",), Hnsw)
