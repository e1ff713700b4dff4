"""What every store must keep in a snapshot, and bring back."""

from pathlib import Path

import pytest
from retrieval.domain import Collection, CollectionSpec
from retrieval.index.set import IndexSet
from retrieval.store.base import Store
from serving.errors import (
    AlreadyExists,
    DataLoss,
    NotFound,
)

from .stored import document, found, names


def test_snapshot_and_restore(store: Store, books: Collection, indexes: IndexSet) -> None:
    store.upsert(books, [document("a", "one")], None).result(10)
    info = store.snapshot("first")
    assert info.lsn == 2
    with pytest.raises(AlreadyExists):
        store.snapshot("first")
    store.upsert(books, [document("b", "two")], None).result(10)
    store.create_collection("acme", CollectionSpec("late", 2)).result(10)
    totals = store.restore("first").result(30)
    assert (totals.last_lsn, totals.collection_count, totals.document_count) == (2, 1, 1)
    assert names(store, books) == ["a"]
    assert len(indexes.get(books.id)) == 1
    assert found(store, books, "one two") == ["a#0"]
    assert store.verify([books]).result(10) == []
    store.upsert(books, [document("c", "three")], None).result(10)
    with pytest.raises(NotFound):
        store.restore("missing").result(10)


def test_a_number_used_again_after_a_restore_is_not_the_same_collection(
    store: Store, books: Collection
) -> None:
    store.snapshot("first")
    stale = store.create_collection("acme", CollectionSpec("late", 2)).result(10)
    store.restore("first").result(30)
    fresh = store.create_collection("other", CollectionSpec("late", 2)).result(10)
    assert fresh.id == stale.id
    with pytest.raises(NotFound):
        store.upsert(stale, [document("a", "one")], None).result(10)
    assert names(store, fresh) == []


def test_a_damaged_snapshot_is_refused(store: Store, books: Collection, tmp_path: Path) -> None:
    store.upsert(books, [document("a", "one")], None).result(10)
    store.snapshot("first")
    (path,) = tmp_path.rglob("first.sqlite3")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataLoss, match="damaged"):
        store.restore("first").result(10)
    assert names(store, books) == ["a"]
