"""Qdrant Edge: a shard of Qdrant in this process, on disk with its log."""

from pathlib import Path

from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeVectorParams,
    HnswIndexConfig,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    SearchParams,
    UpdateOperation,
)

from benchmarks.peers.vectors import EF_CONSTRUCTION, EFFORTS, Found, K, M, Vectors, main


class Shard:
    """Its graph is built by `optimize`."""

    efforts = EFFORTS

    def __init__(self, folder: Path, dimension: int) -> None:
        graph = HnswIndexConfig(M, EF_CONSTRUCTION, 0)
        vectors = {"": EdgeVectorParams(size=dimension, distance=Distance.Dot, hnsw_config=graph)}
        self._shard = EdgeShard.create(str(folder), EdgeConfig(vectors=vectors))

    def add(self, start: int, vectors: Vectors) -> None:
        """Add vectors."""
        points = [Point(start + place, {"": vector}) for place, vector in enumerate(vectors.tolist())]
        self._shard.update(UpdateOperation.upsert_points(points))

    def finish(self) -> None:
        """Build the graph."""
        self._shard.flush()
        self._shard.optimize()

    def search(self, queries: Vectors, effort: int) -> Found:
        """Search."""
        requests = [
            QueryRequest(limit=K, query=Query.Nearest(query), params=SearchParams(hnsw_ef=effort))
            for query in queries.tolist()
        ]
        if len(requests) == 1:
            return [[int(point.id) for point in self._shard.query(requests[0])]]
        found = self._shard.query_batch(QueryBatchRequest(requests))
        return [[int(point.id) for point in points] for points in found]


if __name__ == "__main__":
    main(("qdrant-edge-py",), Shard)
