"""Raw FAISS: an HNSW index in this process, ids by place, nothing stored beside it."""

from pathlib import Path

import faiss

from benchmarks.peers.vectors import EF_CONSTRUCTION, EFFORTS, Found, K, M, Vectors, main


class Hnsw:
    """One query in the calling thread, a batch on all cores: FAISS' own way."""

    efforts = EFFORTS

    def __init__(self, folder: Path, dimension: int) -> None:
        self._index = faiss.IndexHNSWFlat(dimension, M, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = EF_CONSTRUCTION

    def add(self, start: int, vectors: Vectors) -> None:
        """Add vectors."""
        self._index.add(vectors)

    def finish(self) -> None:
        """Nothing is left to do."""

    def search(self, queries: Vectors, effort: int) -> Found:
        """Search."""
        parameters = faiss.SearchParametersHNSW(efSearch=effort)  # type: ignore[attr-defined]
        _, found = self._index.search(queries, K, params=parameters)
        return found


if __name__ == "__main__":
    main(("faiss-cpu",), Hnsw)
