import numpy as np
import pytest
from retrieval.audit import RecallAudit
from retrieval.domain import EVERYTHING, Chunk, Collection, CollectionSpec, Document, Effort, Ids, IndexKind
from retrieval.index.kinds import faiss_kinds
from retrieval.index.segmented import SegmentedIndex
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.store.sqlite.store import SqliteStore
from retrieval.vector_search import VectorQuery, VectorSearch

QUERY = np.array([[1, 0]], dtype=np.float32)
SOME = np.array([1, 3], dtype=np.int64)


@pytest.mark.parametrize(
    ("wanted", "allowed", "effort"),
    [
        (None, None, Effort.DEFAULT),
        (None, SOME, Effort.ACCURATE),
        (Effort.DEFAULT, SOME, Effort.DEFAULT),
        (Effort.EXACT, None, Effort.EXACT),
    ],
)
def test_a_filter_asks_for_accuracy_unless_told_otherwise(
    wanted: Effort | None, allowed: Ids | None, effort: Effort
) -> None:
    assert VectorQuery(QUERY, 5, allowed, wanted).effort is effort


@pytest.fixture
def books(store: SqliteStore) -> Collection:
    made = store.create_collection("t", CollectionSpec("books", 2)).result(10)
    chunks = tuple(Chunk("x", vector=np.array([n, 1], dtype=np.float32)) for n in range(4))
    store.upsert(made, [Document("a", chunks=chunks)], None).result(10)
    with store.reading(EVERYTHING) as reader:
        return reader.collection("t", "books")


def test_flat_indexes_are_searched_and_explained(
    store: SqliteStore, indexes: IndexSet, books: Collection
) -> None:
    search = VectorSearch(indexes)
    with store.reading(EVERYTHING) as reader:
        ((ids, _),) = search.search(reader, books, VectorQuery(QUERY, 1, SOME, None))
    assert ids.tolist() == [3]
    assert search.explain(books, VectorQuery(QUERY, 1, None, None)) == "flat"
    assert search.explain(books, VectorQuery(QUERY, 1, SOME, None)) == "flat, 2 of 4 by filter"


def test_segments_are_explained_one_by_one(indexes: IndexSet, books: Collection) -> None:
    spec = CollectionSpec("graph", 2, index=IndexKind.HNSW)
    kind = faiss_kinds()(spec)
    assert kind is not None
    indexes._indexes[books.id] = index = SegmentedIndex(spec, kind)
    index.add(np.array([1, 2], dtype=np.int64), np.ones((2, 2), dtype=np.float32))
    explained = VectorSearch(indexes).explain(books, VectorQuery(QUERY, 1, SOME, None))
    assert explained == "flat, 2 of 4 by filter, accurate: 2 vectors in no segment"


def test_what_was_searched_is_offered_to_the_audit(
    store: SqliteStore, indexes: IndexSet, metrics: StoreMetrics
) -> None:
    graph = store.create_collection("t", CollectionSpec("graph", 2, index=IndexKind.HNSW)).result(10)
    audit = RecallAudit(store, indexes, metrics, share=1.0)
    audit.stop()  # so that nobody takes what is waiting
    while not audit._waiting.empty():
        audit._waiting.get_nowait()
    with store.reading(EVERYTHING) as reader:
        VectorSearch(indexes, audit).search(reader, graph, VectorQuery(QUERY, 7, SOME, None))
    sample = audit._waiting.get_nowait()
    assert sample is not None
    assert (sample.collection, sample.k, sample.effort) == (graph, 7, Effort.ACCURATE)
    assert (sample.query.tolist(), sample.allowed) == ([1, 0], SOME)
