"""A pass answers each query as the search for it alone does."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from retrieval.dense import DensePass, DenseQuery, shared_by
from retrieval.domain import (
    EVERYTHING,
    Chunk,
    Collection,
    CollectionSpec,
    Document,
    Effort,
    Mmr,
    Query,
    SearchMode,
)
from retrieval.filters import AnyOf, Filter, Not
from retrieval.index.set import IndexSet
from retrieval.kept import KeptPassages
from retrieval.metrics import StoreMetrics
from retrieval.searching import Searcher, Target
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import FailedPrecondition, InvalidInput, NotFound

TARGET = Target("t", EVERYTHING, "c")


def vector(*components: float) -> np.ndarray:
    return np.array(components, dtype=np.float32)


@pytest.fixture
def collection(store: SqliteStore) -> Collection:
    made = store.create_collection("t", CollectionSpec("c", 2, embedding_model="m")).result()
    documents = [
        Document(
            f"d{i}", metadata={"odd": i % 2 == 1}, chunks=(Chunk(f"text {i}", vector=vector(1.0, i % 9)),)
        )
        for i in range(40)
    ]
    store.upsert(made, documents, None).result()
    return made


@pytest.fixture
def dense(
    store: SqliteStore, indexes: IndexSet, metrics: StoreMetrics, kept: KeptPassages, collection: Collection
) -> DensePass:
    return DensePass(store, indexes, metrics, kept)


@pytest.fixture
def run(dense: DensePass) -> Callable[..., list]:
    return lambda *items: dense.run(items)


@pytest.mark.parametrize("where", [None, AnyOf("odd", (True,)), Not(AnyOf("odd", (True,)))])
def test_answers_are_those_of_single_searches(
    where: Filter | None,
    run: Callable[..., list],
    store: SqliteStore,
    indexes: IndexSet,
    metrics: StoreMetrics,
) -> None:
    queries = [
        Query(vector=vector(x, 1.0), top_k=6, filter=where, min_score=floor, with_passages=whole)
        for x, floor, whole in ((0.1, None, True), (1.0, 0.99, True), (5.0, None, True), (5.0, None, False))
    ]
    searcher = Searcher(store, indexes, metrics)
    found = run(*(DenseQuery(TARGET, query, "query") for query in queries))
    for query, (answer, collection) in zip(queries, found, strict=True):
        alone, same = searcher.search(TARGET, query, "query")
        assert (answer.hits, answer.plan, answer.lsn) == (alone.hits, alone.plan, alone.lsn)
        assert collection == same


def test_what_speaks_against_one_query_is_not_held_against_others(run: Callable[..., list]) -> None:
    good = Query(vector=vector(1.0, 0.0), top_k=3)
    items = [
        DenseQuery(TARGET, good, "query"),
        DenseQuery(TARGET, replace(good, vector=vector(1.0)), "queries[1]"),
        DenseQuery(replace(TARGET, embedding_model="other"), good, "query"),
        DenseQuery(replace(TARGET, min_lsn=99), good, "query"),
        DenseQuery(replace(TARGET, expected=99), good, "query"),
    ]
    (answer, _), short, stamp, lsn, pinned = run(*items)
    assert len(answer.hits) == 3
    assert isinstance(short, InvalidInput)
    assert short.field == "queries[1].vector"
    assert isinstance(stamp, FailedPrecondition)
    assert stamp.reason == "EMBEDDING_MODEL_MISMATCH"
    assert isinstance(lsn, FailedPrecondition)
    assert isinstance(pinned, NotFound)
    assert isinstance(run(items[1])[0], InvalidInput)


def test_whoever_asks_how_is_told_in_any_company(run: Callable[..., list]) -> None:
    query = Query(vector=vector(1.0, 0.0))
    found = run(DenseQuery(TARGET, query, "query"), DenseQuery(replace(TARGET, explain=True), query, "query"))
    assert found[1][0].plan.dense.startswith("flat")


def test_a_collection_that_is_not_there_concerns_all(run: Callable[..., list]) -> None:
    with pytest.raises(NotFound):
        run(DenseQuery(replace(TARGET, name="none"), Query(vector=vector(1.0, 0.0)), "query"))


def test_filters_that_python_holds_for_equal_are_not_shared() -> None:
    keys = {
        shared_by(Query(vector=vector(1.0), filter=AnyOf("field", (value,))), "query")
        for value in (True, 1.0, "1", "True")
    }
    assert len(keys) == 4
    query = Query(vector=vector(1.0), filter=AnyOf("field", (1.0,)))
    assert shared_by(query, "query") == shared_by(replace(query, vector=vector(2.0)), "query")
    assert shared_by(query, "query") == shared_by(replace(query, with_passages=False), "query")
    assert shared_by(query, "query") != shared_by(replace(query, top_k=11), "query")
    assert shared_by(query, "query") != shared_by(replace(query, effort=Effort.EXACT), "query")


def test_only_queries_ranked_by_vectors_alone_are_shared() -> None:
    dense = Query(vector=vector(1.0))
    for query in (
        Query(text="word"),
        replace(dense, text="word"),
        replace(dense, mmr=Mmr(0.5, 20)),
        replace(dense, group_size=2),
        replace(dense, with_vectors=True),
    ):
        assert shared_by(query, "query") is None
    assert shared_by(replace(dense, text="word", mode=SearchMode.DENSE), "query") is not None
    with pytest.raises(InvalidInput):
        shared_by(Query(), "query")
