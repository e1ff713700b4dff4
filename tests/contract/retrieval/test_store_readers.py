"""What every store must keep from those who may not read it."""

from dataclasses import replace

import pytest
from retrieval.domain import Collection
from retrieval.filters import Exists, Not
from retrieval.lexical import terms
from retrieval.store.base import Store
from serving.errors import (
    NotFound,
    PermissionDenied,
)

from .stored import document, names

ALICE, BOB = frozenset({"principal:alice", "group:staff"}), frozenset({"principal:bob"})


@pytest.fixture
def shelves(store: Store, books: Collection) -> Collection:
    """One document for all, one for staff, one for bob."""
    docs = [document("all", "word all"), document("staff", "word staff", x=1.0), document("bob", "word bob")]
    readers: list[tuple[str, ...]] = [(), ("group:staff", "principal:carol"), ("principal:bob",)]
    restricted = [replace(d, readers=r) for d, r in zip(docs, readers, strict=True)]
    store.upsert(books, restricted, None).result(10)
    return books


def test_what_one_may_not_read_is_not_there(store: Store, shelves: Collection) -> None:
    with store.reading() as everything:
        every, _ = everything.lexical(shelves.id, terms("word"), None, 10)
        by_name = {name: number for number, name in everything.chunk_names(every).items()}
    for access, seen in ((ALICE, ["all", "staff"]), (BOB, ["all", "bob"]), (frozenset[str](), ["all"])):
        with store.reading(access) as reader:
            page = reader.documents(shelves.id, None, "", 10, content=True)
            assert [d.id for d in page.documents] == seen
            chunks = sorted(by_name[f"{name}#0"] for name in seen)
            assert sorted(reader.lexical(shelves.id, terms("word"), None, 10)[0]) == chunks
            allowed = reader.matching_chunks(shelves.id, None)
            assert allowed is not None
            assert allowed.tolist() == chunks
            assert sorted(reader.chunk_names(every)) == sorted(reader.passages(every)) == chunks
            for name in ("all", "staff", "bob"):
                if name in seen:
                    assert reader.document(shelves.id, name, vectors=True).id == name
                else:
                    with pytest.raises(NotFound):
                        reader.document(shelves.id, name, vectors=True)
    with store.reading(BOB) as reader:
        assert reader.matching_chunks(shelves.id, Exists("x", True)).tolist() == []  # type: ignore[union-attr]
        assert len(reader.matching_chunks(shelves.id, Not(Exists("x", True)))) == 2  # type: ignore[arg-type]
        assert reader.documents(shelves.id, Exists("x", True), "", 10, content=False).documents == ()


def test_nothing_restricts_where_no_document_has_readers(store: Store, books: Collection) -> None:
    store.upsert(books, [document("a", "one")], None).result(10)
    with store.reading(BOB) as reader:
        assert reader.matching_chunks(books.id, None) is None
    with store.reading() as reader:
        assert reader.document(books.id, "a", vectors=False).readers == ()


def test_readers_come_back_and_are_replaced(store: Store, shelves: Collection) -> None:
    with store.reading() as reader:
        kept = reader.document(shelves.id, "staff", vectors=False).readers
    assert kept == ("group:staff", "principal:carol")
    store.upsert(shelves, [document("staff", "word"), document("bob", "word")], None).result(10)
    with store.reading(frozenset()) as reader:
        assert len(reader.documents(shelves.id, None, "", 10, content=False).documents) == 3
        assert reader.matching_chunks(shelves.id, None) is None


def test_nobody_writes_over_what_they_may_not_read(store: Store, shelves: Collection) -> None:
    with pytest.raises(PermissionDenied):
        store.upsert(shelves, [document("new", "x"), document("bob", "x")], None, ALICE).result(10)
    with pytest.raises(PermissionDenied):  # not even its version is told
        store.upsert(shelves, [document("bob", "x")], 7, ALICE).result(10)
    assert store.delete(shelves, ["bob", "staff"], ALICE).result(10).count == 1
    assert store.delete(shelves, Not(Exists("x", True)), frozenset()).result(10).count == 1
    assert names(store, shelves) == ["bob"]
    assert store.upsert(shelves, [document("bob", "x")], 1, BOB).result(10).versions == (2,)
    assert store.verify([shelves]).result(10) == []


def test_readers_survive_a_snapshot_and_go_with_their_collection(store: Store, shelves: Collection) -> None:
    store.snapshot("first")
    store.delete_collection("acme", "books").result(10)
    assert store.verify([]).result(10) == []
    store.restore("first").result(30)
    with store.reading(BOB) as reader:
        assert len(reader.documents(shelves.id, None, "", 10, content=False).documents) == 2
