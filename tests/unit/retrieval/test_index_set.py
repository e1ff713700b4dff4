from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from retrieval.domain import Chunk, Collection, CollectionSpec, Document
from retrieval.index.flat import FlatIndex
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.reports import IndexTotals
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import DataLoss, Unavailable


def vectors(name: str, *values: float) -> Document:
    chunks = [Chunk("x", vector=np.array([value, 1], dtype=np.float32)) for value in values]
    return Document(name, chunks=tuple(chunks))


class BrokenIndex(FlatIndex):
    """Runs out of memory at the third vector."""

    def add(self, ids: Any, vectors: Any) -> None:
        if len(self) + len(ids) > 2:
            raise MemoryError
        super().add(ids, vectors)


@pytest.fixture
def books(store: SqliteStore) -> Collection:
    return store.create_collection("t", CollectionSpec("books", 2)).result(10)


def test_changes_of_one_commit_are_taken_in_order(
    store: SqliteStore, indexes: IndexSet, books: Collection
) -> None:
    writes = [store.upsert(books, [vectors("a", *range(n))], None) for n in (3, 1, 2)]
    for write in writes:
        write.result(10)
    assert len(indexes.get(books.id)) == 2
    assert store.between_writes(lambda reader: indexes.verify(books, reader)).result(10) == []
    assert indexes.measure() == IndexTotals(vector_count=2, vector_bytes=16)


def test_an_index_that_fails_is_dropped_and_its_write_stays(
    open_store: Callable[[], SqliteStore], indexes: IndexSet, metrics: StoreMetrics
) -> None:
    indexes._make = BrokenIndex
    store = open_store()
    books = store.create_collection("t", CollectionSpec("books", 2)).result(10)
    store.upsert(books, [vectors("a", 1, 2)], None).result(10)
    store.upsert(books, [vectors("b", 3)], None).result(10)
    with pytest.raises(Unavailable, match="Repair"):
        indexes.get(books.id)
    (finding,) = store.between_writes(lambda reader: indexes.verify(books, reader)).result(10)
    assert finding.kind == "VECTOR_INDEX_MISMATCH"
    indexes._make = FlatIndex
    store.between_writes(lambda reader: indexes.rebuild(books, reader)).result(10)
    assert len(indexes.get(books.id)) == 3


def test_damaged_vectors_of_one_collection_leave_the_others_alone(
    open_store: Callable[[], SqliteStore], indexes: IndexSet
) -> None:
    store = open_store()
    made = [store.create_collection("t", CollectionSpec(name, 2)).result(10) for name in "ab"]
    for collection in made:
        store.upsert(collection, [vectors("d", 1)], None).result(10)
    store._writer.alone(
        lambda c: c.execute("UPDATE vectors SET vector = x'00' WHERE collection = ?", (made[0].id,)).rowcount
    ).result(10)
    store.close()
    open_store()
    with pytest.raises(DataLoss):
        indexes.get(made[0].id)
    assert len(indexes.get(made[1].id)) == 1
