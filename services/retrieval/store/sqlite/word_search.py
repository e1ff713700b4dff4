"""Search by words in one view: from what is remembered of them, or through FTS5."""

import functools
import sqlite3
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from retrieval import bm25, postings
from retrieval.domain import Ids, Scores
from retrieval.lexical import any_of
from retrieval.postings import Postings
from retrieval.store.sqlite.filters import Sql
from retrieval.store.sqlite.remembered import Remembered
from retrieval.store.sqlite.word_counts import Moment

View = tuple[int, int, int]


class WordSearch:
    """Searches a collection inside a transaction; `view` is its epoch, the collection, and the last write to that."""

    def __init__(
        self, connection: sqlite3.Connection, collection: int, view: View, remembered: Remembered
    ) -> None:
        self._connection = connection
        self._collection = collection
        self._view = view
        self._remembered = remembered
        self._table = f"words_{collection:d}"

    def best(
        self, words: Sequence[str], limit: int, restriction: Sql | None, allowed: Callable[[], Ids | None]
    ) -> tuple[Ids, Scores]:
        """Return the best chunks that have any of the words, and their BM25, best first.

        Only those whose documents satisfy `restriction`, over `d`; `allowed` returns the same as a set.
        """
        counts, total = self._count(words)
        found = bm25.best(
            counts,
            total,
            limit,
            functools.partial(self._ranked, restriction),
            functools.partial(self._known, limit, allowed),
        )
        ids = np.array([chunk for chunk, _ in found], dtype=np.int64)
        return ids, np.array([score for _, score in found], dtype=np.float64)

    def _ranked(self, restriction: Sql | None, expression: str, most: int) -> bm25.Matches:
        condition, parameters = "1", []
        if restriction:
            # Looked up for each chunk with the words. As `rowid IN`, SQLite would search the words anew for each id.
            condition = (
                "EXISTS (SELECT 1 FROM chunks k JOIN documents d ON d.id = k.document"
                f" WHERE k.id = w.rowid AND {restriction[0]})"
            )
            parameters = restriction[1]
        return self._connection.execute(
            f"SELECT rowid, -rank FROM {self._table} w WHERE {self._table} MATCH ? AND {condition}"
            " ORDER BY rank, rowid LIMIT ?",
            (expression, *parameters, most),
        ).fetchall()

    def _known(
        self, limit: int, allowed: Callable[[], Ids | None], counts: Mapping[str, int]
    ) -> bm25.Matches | None:
        if (known := self._remembered.postings.get(self._view, counts, self._read)) is None:
            return None
        chunks, scores = postings.best(known, limit, allowed())
        return list(zip(chunks.tolist(), scores.tolist(), strict=True))

    def _read(self, word: str) -> Postings:
        """Read which chunks a word is in, and what it adds to the BM25 of each."""
        found = self._connection.execute(
            f"SELECT rowid, -rank FROM {self._table} WHERE {self._table} MATCH ? ORDER BY rowid",
            (any_of([word]),),
        ).fetchall()
        table = np.array(found, dtype=np.float64).reshape(-1, 2)  # numbers of chunks are far below 2 ** 53
        return Postings(table[:, 0].astype(np.int64), table[:, 1].copy())

    def _count(self, words: Sequence[str]) -> tuple[dict[str, int], int]:
        """In how many of the collection's chunks each word is, or somewhat less; and how many chunks there are."""
        now = Moment(
            *self._connection.execute(
                "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'chunks'), 0),"
                " coalesce((SELECT chunk_count FROM collections WHERE id = ?), 0)",
                (self._collection,),
            ).fetchone()
        )

        def count(word: str) -> int:
            query = f"SELECT count(*) FROM {self._table} WHERE {self._table} MATCH ?"
            return int(self._connection.execute(query, (any_of([word]),)).fetchone()[0])

        known, (epoch, collection, _) = self._remembered.word_counts.get, self._view
        return {
            word: known(epoch, collection, now, word, functools.partial(count, word)) for word in words
        }, now.chunk_count
