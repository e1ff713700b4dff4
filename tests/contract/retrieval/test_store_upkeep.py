"""What every store must keep over restarts and mending."""

from collections.abc import Callable

import pytest
from retrieval.domain import Collection, Document
from retrieval.filters import AnyOf
from retrieval.index.set import IndexSet
from retrieval.store.base import Store
from serving.errors import Unavailable

from .stored import SPEC, document, found, names


def test_what_was_acknowledged_survives_reopening(reopen: Callable[[], Store], indexes: IndexSet) -> None:
    store = reopen()
    books = store.create_collection("acme", SPEC).result(10)
    store.upsert(books, [document("a", "one", "two"), document("b", "three")], None).result(10)
    store.delete(books, ["a"]).result(10)
    before = indexes.get(books.id).ids().tolist()
    with store.reading() as reader:
        seen = reader.collection("acme", "books"), reader.document(books.id, "b", vectors=False)
    store = reopen()
    with store.reading() as reader:
        assert (reader.collection("acme", "books"), reader.document(books.id, "b", vectors=False)) == seen
        assert reader.lsn == 3
    assert indexes.get(books.id).ids().tolist() == before
    assert store.upsert(seen[0], [document("c", "four")], None).result(10).lsn == 4
    assert store.verify([books]).result(10) == []


def test_rebuilding_changes_nothing_that_is_right(store: Store, books: Collection) -> None:
    store.upsert(books, [document("a", "one", x=1.0), document("b", "two", x=2.0)], None).result(10)
    store.rebuild([books]).result(10)
    assert store.verify([books]).result(10) == []
    assert found(store, books, "one") == ["a#0"]
    with store.reading() as reader:
        assert len(reader.matching_chunks(books.id, AnyOf("x", (2.0,)))) == 1


def test_nothing_is_wrong_with_what_was_deleted_before_it_was_looked_at(
    store: Store, books: Collection
) -> None:
    store.upsert(books, [document("a", "one")], None).result(10)
    store.delete_collection("acme", "books").result(10)
    assert store.verify([books]).result(10) == []
    store.rebuild([books]).result(10)
    fresh = store.create_collection("acme", SPEC).result(10)
    assert store.verify([books, fresh]).result(10) == []


def test_compaction_gives_space_back(store: Store, books: Collection) -> None:
    docs = [Document(f"d{i}", text="some words " * 5000) for i in range(40)]
    store.upsert(books, docs, None).result(30)
    store.delete(books, [d.id for d in docs[1:]]).result(30)
    done = store.compact().result(30)
    assert done.after_bytes < done.before_bytes / 4
    with store.reading() as reader:
        assert reader.totals().disk_bytes == done.after_bytes
    assert names(store, books) == ["d0"]


def test_a_closed_store_says_so(reopen: Callable[[], Store]) -> None:
    store = reopen()
    books = store.create_collection("acme", SPEC).result(10)
    queued = [store.upsert(books, [document(f"d{i}", "x")], None) for i in range(50)]
    store.close()
    assert all(write.result(10).versions == (1,) for write in queued)
    with pytest.raises(Unavailable):
        store.upsert(books, [document("late", "x")], None)
