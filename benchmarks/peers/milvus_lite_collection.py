"""Milvus Lite through pymilvus."""

from pathlib import Path
from typing import Any

from pymilvus import MilvusClient

from benchmarks.peers.vectors import EF_CONSTRUCTION, EFFORTS, Found, K, M, Vectors, main


class Collection:
    """HNSW as the others."""

    efforts = EFFORTS

    def __init__(self, folder: Path, dimension: int) -> None:
        self._client = MilvusClient(str(folder / "vectors.db"))
        self._client.create_collection("vectors", dimension=dimension, metric_type="IP", auto_id=False)
        self._client.release_collection("vectors")
        self._client.drop_index("vectors", "vector")
        graph: dict[str, Any] = {"M": M, "efConstruction": EF_CONSTRUCTION}
        index = self._client.prepare_index_params()
        index.add_index("vector", index_type="HNSW", metric_type="IP", params=graph)
        self._client.create_index("vectors", index)
        self._client.load_collection("vectors")

    def add(self, start: int, vectors: Vectors) -> None:
        """Add vectors."""
        rows = [{"id": start + place, "vector": vector} for place, vector in enumerate(vectors)]
        self._client.insert("vectors", rows)

    def finish(self) -> None:
        """Seal what was added."""
        self._client.flush("vectors")

    def search(self, queries: Vectors, effort: int) -> Found:
        """Search."""
        parameters = {"metric_type": "IP", "params": {"ef": effort}}
        found = self._client.search("vectors", list(queries), limit=K, search_params=parameters)
        return [[int(hit["id"]) for hit in hits] for hits in found]


if __name__ == "__main__":
    main(("pymilvus", "milvus-lite"), Collection)
