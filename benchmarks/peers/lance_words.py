"""LanceDB: a table on disk with its full-text index, stemmed, no word left out."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import lancedb
import pyarrow as pa

from benchmarks.peers.words import K, main

SCHEMA = pa.schema([pa.field("number", pa.int64()), pa.field("text", pa.string())])


class Table:
    """A question's words are matched by `or`, its default."""

    def __init__(self, folder: Path) -> None:
        self._table = lancedb.connect(str(folder)).create_table("words", schema=SCHEMA)

    def add(self, start: int, texts: Sequence[str]) -> None:
        """Add texts."""
        numbers = pa.array(range(start, start + len(texts)), pa.int64())
        self._table.add(pa.Table.from_arrays([numbers, pa.array(texts)], schema=SCHEMA))

    def finish(self) -> None:
        """Build the index."""
        self._table.optimize()
        self._table.create_fts_index("text", remove_stop_words=False)

    def search(self, question: str) -> Sequence[int]:
        """Search."""
        found = self._table.search(question, query_type="fts", fts_columns="text").select(["number"]).limit(K)
        numbers: list[int] = found.to_arrow()["number"].to_pylist()
        return numbers


if __name__ == "__main__":
    main(f"lancedb {version('lancedb')}", Table)
