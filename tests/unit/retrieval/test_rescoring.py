import numpy as np
import pytest
from retrieval.domain import EVERYTHING, Chunk, CollectionSpec, Document
from retrieval.rescoring import fetch_from
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import DataLoss


@pytest.fixture
def books(store: SqliteStore) -> SqliteStore:
    made = store.create_collection("t", CollectionSpec("books", 2)).result(10)
    chunks = [Chunk("x", vector=np.array([n, 1], dtype=np.float32)) for n in range(3)]
    store.upsert(made, [Document("a", chunks=(*chunks, Chunk("without a vector")))], None).result(10)
    return store


def test_vectors_come_in_the_order_asked(books: SqliteStore) -> None:
    with books.reading(EVERYTHING) as reader:
        vectors = fetch_from(reader, 2)(np.array([3, 1, 3], dtype=np.int64))
    assert vectors.tolist() == [[2, 1], [0, 1], [2, 1]]


@pytest.mark.parametrize(("chunk", "dimension"), [(4, 2), (99, 2), (1, 3)])
def test_missing_and_damaged_vectors_are_told(books: SqliteStore, chunk: int, dimension: int) -> None:
    with books.reading(EVERYTHING) as reader, pytest.raises(DataLoss):
        fetch_from(reader, dimension)(np.array([chunk], dtype=np.int64))
