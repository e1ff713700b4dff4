"""Chroma, persistent, in this process."""

from pathlib import Path

import chromadb
from chromadb.config import Settings

from benchmarks.peers.vectors import EF_CONSTRUCTION, EFFORTS, Found, K, M, Vectors, main


class Collection:
    """Its effort can be changed without building anew."""

    efforts = EFFORTS

    def __init__(self, folder: Path, dimension: int) -> None:
        client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
        graph = {"space": "ip", "max_neighbors": M, "ef_construction": EF_CONSTRUCTION}
        self._collection = client.create_collection("vectors", configuration={"hnsw": graph})
        self._effort = 0

    def add(self, start: int, vectors: Vectors) -> None:
        """Add vectors."""
        self._collection.add([str(start + place) for place in range(len(vectors))], embeddings=vectors)

    def finish(self) -> None:
        """Nothing is left to do."""

    def search(self, queries: Vectors, effort: int) -> Found:
        """Search."""
        if effort != self._effort:
            self._collection.modify(configuration={"hnsw": {"ef_search": effort}})
            self._effort = effort
        found = self._collection.query(query_embeddings=queries, n_results=K, include=[])
        return [[int(name) for name in names] for names in found["ids"]]


if __name__ == "__main__":
    main(("chromadb",), Collection)
