"""LanceDB: a table on disk with its default index of the kind that reaches the recall."""

from pathlib import Path

import lancedb
import pyarrow as pa

from benchmarks.peers.vectors import Found, K, Vectors, main


class Table:
    """IVF with full vectors; effort is how many of its lists are looked through."""

    efforts = (4, 8, 16, 32, 64, 128)

    def __init__(self, folder: Path, dimension: int) -> None:
        self._schema = pa.schema(
            [pa.field("id", pa.int64()), pa.field("vector", pa.list_(pa.float32(), dimension))]
        )
        self._table = lancedb.connect(str(folder)).create_table("vectors", schema=self._schema)

    def add(self, start: int, vectors: Vectors) -> None:
        """Add vectors."""
        flat = pa.array(vectors.reshape(-1), pa.float32())
        columns = [
            pa.array(range(start, start + len(vectors)), pa.int64()),
            pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        ]
        self._table.add(pa.Table.from_arrays(columns, schema=self._schema))

    def finish(self) -> None:
        """Build the index."""
        self._table.optimize()
        self._table.create_index(metric="dot", index_type="IVF_FLAT")

    def search(self, queries: Vectors, effort: int) -> Found:
        """Search, query by query: its API has no batch that keeps them apart."""
        return [
            self._table.search(query)
            .distance_type("dot")
            .nprobes(effort)
            .select(["id", "_distance"])
            .limit(K)
            .to_arrow()["id"]
            .to_pylist()
            for query in queries
        ]


if __name__ == "__main__":
    main(("lancedb",), Table)
