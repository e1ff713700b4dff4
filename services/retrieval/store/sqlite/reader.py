"""Reads, all of one view: a transaction that sees the store as it was when it began."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from serving.errors import DataLoss, NotFound

from retrieval.domain import (
    EVERYTHING,
    Access,
    Chunk,
    Collection,
    Document,
    Ids,
    Page,
    Passage,
    Scores,
    SegmentRecord,
    Vector,
)
from retrieval.filters import Filter
from retrieval.limits import PAGE_CONTENT_BYTES
from retrieval.reports import Totals
from retrieval.store.reader import MAX_ID
from retrieval.store.sqlite import readers, rows, schema, segments
from retrieval.store.sqlite.documents import last_lsn
from retrieval.store.sqlite.errors import damaged, translated
from retrieval.store.sqlite.filters import Sql, compile_filter
from retrieval.store.sqlite.remembered import Remembered
from retrieval.store.sqlite.word_search import WordSearch

_VECTOR_BLOCK = 8192
_ID_BLOCK = 512  # ids bound to one statement
_ALL: Sql = ("1", [])


class SqliteReader:
    """Reads inside a transaction that its maker began and will end."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        access: Access = EVERYTHING,
        remembered: Remembered | None = None,
        version: int = 0,
    ) -> None:
        self._connection = connection
        self._remembered = remembered or Remembered()
        self.version = version
        self.epoch = self._remembered.chunk_sets.epoch  # before the view is fixed
        self._access = access
        self._path = path
        self.lsn = last_lsn(connection)  # the first read fixes what the transaction sees

    def collection(self, tenant: str, name: str, *, alias: bool = True) -> Collection:
        """Return a collection by name or, unless `alias` is False, by alias; raises NotFound."""
        by_alias = "UNION ALL SELECT collection FROM aliases WHERE tenant = ?1 AND name = ?2" if alias else ""
        row = self._connection.execute(
            f"SELECT {rows.COLLECTION_COLUMNS} FROM collections c WHERE c.id IN"
            f" (SELECT id FROM collections WHERE tenant = ?1 AND name = ?2 {by_alias})",
            (tenant, name),
        ).fetchone()
        if row is None:
            raise NotFound("collection", name)
        return rows.collection(row)

    def collections(self, tenant: str | None, after: str = "", limit: int = -1) -> list[Collection]:
        """Return a tenant's collections by name, or with None everybody's."""
        found = self._connection.execute(
            f"SELECT {rows.COLLECTION_COLUMNS} FROM collections c"
            " WHERE (?1 IS NULL OR c.tenant = ?1) AND c.name > ?2 ORDER BY c.name, c.tenant LIMIT ?3",
            (tenant, after, limit),
        )
        return [rows.collection(row) for row in found]

    def document(self, collection: int, document_id: str, *, vectors: bool) -> Document:
        """Return a document with its chunks, and with their vectors when asked; raises NotFound."""
        condition, parameters = self._condition(collection, None) or _ALL
        row = self._connection.execute(
            f"SELECT {rows.DOCUMENT_COLUMNS} FROM documents d"
            f" WHERE d.collection = ? AND d.name = ? AND {condition}",
            (collection, document_id, *parameters),
        ).fetchone()
        if row is None:
            raise NotFound("document", document_id)
        return rows.document(row, self._text(row[0]), self._chunks(row[0], vectors=vectors))

    def documents(
        self, collection: int, where: Filter | None, after: str, limit: int, *, content: bool
    ) -> Page:
        """Return documents by id, those after `after`; a page of full documents may end early by size."""
        condition, parameters = self._condition(collection, where) or _ALL
        found = self._connection.execute(
            f"SELECT {rows.DOCUMENT_COLUMNS} FROM documents d"
            f" WHERE d.collection = ? AND d.name > ? AND {condition} ORDER BY d.name LIMIT ?",
            (collection, after, *parameters, limit + 1),
        )
        page: list[Document] = []
        size = 0
        for row in found:
            if len(page) == limit or size > PAGE_CONTENT_BYTES:
                return Page(tuple(page), page[-1].id)
            if content:
                document = rows.document(row, self._text(row[0]), self._chunks(row[0], vectors=False))
                size += sum(
                    len(text.encode()) for text in (document.text, *(c.text for c in document.chunks))
                )
            else:
                document = rows.document(row)
            size += len(row[4].encode())
            page.append(document)
        return Page(tuple(page), None)

    def matching_chunks(self, collection: int, where: Filter | None) -> Ids | None:
        """Return the chunks that may be found, ascending; None when all may."""
        if (restriction := self._condition(collection, where)) is None:
            return None
        # Every write has a number of its own. Callers whom the same condition lets in share a set.
        key = repr((self.epoch, collection, self._last_lsn(collection), restriction))
        return self._remembered.chunk_sets.get(key, lambda: self._matching(collection, restriction))

    def shows_all(self, collection: int) -> bool:
        """Tell whether the caller may read all of the collection."""
        return readers.visible(self._connection, collection, self._access) is None

    def lexical(
        self, collection: int, words: Sequence[str], where: Filter | None, limit: int
    ) -> tuple[Ids, Scores]:
        """Return the best chunks that have any of these `lexical.terms` and match, and their BM25, best first."""
        view = self.epoch, collection, self._last_lsn(collection)
        search = WordSearch(self._connection, collection, view, self._remembered)
        return search.best(
            words, limit, self._condition(collection, where), lambda: self.matching_chunks(collection, where)
        )

    def chunk_names(self, chunks: Ids) -> dict[int, str]:
        """Return the public ids of chunks; unknown ones are absent."""
        found: dict[int, str] = {}
        for row in self._by_chunk(rows.CHUNK_NAMES, chunks):
            found |= rows.chunk_names(row)
        return found

    def passages(self, chunks: Ids) -> dict[int, Passage]:
        """Return what is stored about chunks; unknown ones are absent."""
        found: dict[int, Passage] = {}
        for row in self._by_chunk(rows.PASSAGES, chunks):
            found |= rows.passages(row)
        return found

    def chunk_vectors(self, chunks: Ids) -> dict[int, Vector]:
        """Return the vectors of chunks; those without one are absent."""
        found = self._by_number("SELECT chunk, vector FROM vectors WHERE chunk", chunks)
        return {number: rows.blob_to_vector(blob) for number, blob in found}

    def vectors(self, collection: int, first: int = 0, last: int = MAX_ID) -> Iterator[tuple[Ids, Vector]]:
        """Yield vectors of the chunks `first` to `last` in blocks of ascending ids; raises DataLoss on a wrong size."""
        (dimension,) = self._connection.execute(
            "SELECT dimension FROM collections WHERE id = ?", (collection,)
        ).fetchone()
        query = (
            "SELECT chunk, vector FROM vectors WHERE collection = ? AND chunk BETWEEN ? AND ? ORDER BY chunk"
        )
        with translated(), contextlib.closing(self._connection.cursor()) as found:
            found.execute(query, (collection, first, last))
            while block := found.fetchmany(_VECTOR_BLOCK):
                if any(type(blob) is not bytes or len(blob) != 4 * dimension for _, blob in block):
                    raise DataLoss("a stored vector has a wrong size: Restore the store from a snapshot")
                ids = _ascending([chunk for chunk, _ in block], first)
                first = int(ids[-1]) + 1
                joined = b"".join(blob for _, blob in block)
                yield ids, rows.blob_to_vector(joined).reshape(len(block), dimension)

    def vector_ids(self, collection: int) -> Ids:
        """Return the chunks that have a vector, ascending."""
        found = self._connection.execute(
            "SELECT chunk FROM vectors WHERE collection = ? ORDER BY chunk", (collection,)
        )
        return _ascending([chunk for (chunk,) in found], 0)

    def segments(self, collection: int) -> list[SegmentRecord]:
        """Return the manifest of a collection's sealed segments."""
        return segments.of(self._connection, collection)

    def totals(self) -> Totals:
        """Return measures of the store; the size counts the write-ahead log."""
        collections, documents, chunks = self._connection.execute(
            "SELECT count(*), coalesce(sum(document_count), 0), coalesce(sum(chunk_count), 0)"
            " FROM collections"
        ).fetchone()
        return Totals(
            collection_count=collections,
            document_count=documents,
            chunk_count=chunks,
            disk_bytes=disk_bytes(self._path),
            last_lsn=self.lsn,
            schema_version=schema.version_of(self._connection),
        )

    def _matching(self, collection: int, restriction: Sql) -> Ids:
        condition, parameters = restriction
        found = self._connection.execute(
            "SELECT k.id FROM documents d JOIN chunks k ON k.document = d.id"
            f" WHERE d.collection = ? AND {condition} ORDER BY k.id",
            (collection, *parameters),
        )
        return np.fromiter((chunk for (chunk,) in found), dtype=np.int64)

    def _last_lsn(self, collection: int) -> int:
        row = self._connection.execute(
            "SELECT last_lsn FROM collections WHERE id = ?", (collection,)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _condition(self, collection: int, where: Filter | None) -> Sql | None:
        """Return what a document must satisfy, by the filter and for this view's caller; None when nothing."""
        parts = [readers.visible(self._connection, collection, self._access)]
        parts += [compile_filter(where, collection)] if where else []
        held = [part for part in parts if part is not None]
        if not held:
            return None
        return " AND ".join(sql for sql, _ in held), [value for _, values in held for value in values]

    def _text(self, number: int) -> str:
        query = "SELECT text FROM documents WHERE id = ?"
        return rows.text(self._connection.execute(query, (number,)).fetchone())

    def _chunks(self, number: int, *, vectors: bool) -> tuple[Chunk, ...]:
        column = "v.vector" if vectors else "NULL"
        found = self._connection.execute(
            f"SELECT k.text, k.start_byte, k.end_byte, {column} FROM chunks k"
            " LEFT JOIN vectors v ON v.chunk = k.id WHERE k.document = ? ORDER BY k.ordinal",
            (number,),
        )
        return tuple(rows.chunk(row) for row in found)

    def _by_chunk(self, columns: str, chunks: Ids) -> Iterator[rows.Row]:
        # Whoever ranked these has left out what the caller may not read; here nothing else could come back.
        visible, parameters = _ALL if self._access is None else readers.condition(self._access)
        tables = "chunks k JOIN documents d ON d.id = k.document"
        return self._by_number(f"SELECT {columns} FROM {tables} WHERE {visible} AND k.id", chunks, parameters)

    def _by_number(self, query: str, chunks: Ids, parameters: Sequence[Any] = ()) -> Iterator[rows.Row]:
        numbers = [int(chunk) for chunk in chunks]
        for start in range(0, len(numbers), _ID_BLOCK):
            block = numbers[start : start + _ID_BLOCK]
            # Few lengths, so that the connection has the statement prepared; an id that is there twice is found once.
            block += block[-1:] * ((1 << (len(block) - 1).bit_length()) - len(block))
            yield from self._connection.execute(
                f"{query} IN ({', '.join('?' * len(block))})", (*parameters, *block)
            )


def _ascending(chunks: list[int], first: int) -> Ids:
    """Return ids that ascend from `first` or above; raises DataLoss when a damaged index gave them otherwise."""
    ids = np.array(chunks, dtype=np.int64)
    if len(ids) and (ids[0] < first or (np.diff(ids) <= 0).any()):
        raise damaged()
    return ids


def disk_bytes(path: Path) -> int:
    """Return the size of the database and its write-ahead log."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
