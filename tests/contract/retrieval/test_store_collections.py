"""What every store must do with collections and their names."""

import pytest
from retrieval.domain import Collection, CollectionSpec
from retrieval.store.base import Store
from serving.errors import AlreadyExists, InvalidInput, NotFound, VersionConflict

from .stored import SPEC, document, found


def test_a_new_collection_is_empty(store: Store, books: Collection) -> None:
    with store.reading() as reader:
        seen = reader.collection("acme", "books")
    assert seen == books
    assert (seen.spec, seen.document_count, seen.chunk_count, seen.aliases) == (SPEC, 0, 0, ())
    assert seen.last_lsn == reader.lsn == 1


def test_names_are_taken_once_per_tenant(store: Store, books: Collection) -> None:
    with pytest.raises(AlreadyExists):
        store.create_collection("acme", SPEC).result(10)
    store.create_collection("other", SPEC).result(10)
    store.swap_alias("acme", "alias", "books").result(10)
    with pytest.raises(AlreadyExists):
        store.create_collection("acme", CollectionSpec("alias", 2)).result(10)


def test_a_tenant_is_part_of_the_address(store: Store, books: Collection) -> None:
    with store.reading() as reader, pytest.raises(NotFound):
        reader.collection("other", "books")
    for attempt in (
        lambda: store.delete_collection("other", "books"),
        lambda: store.swap_alias("other", "alias", "books"),
    ):
        with pytest.raises(NotFound):
            attempt().result(10)
    with store.reading() as reader:
        assert reader.collections("other") == []
        assert [c.id for c in reader.collections(None)] == [books.id]


def test_aliases(store: Store, books: Collection) -> None:
    store.create_collection("acme", CollectionSpec("more", 2)).result(10)
    assert store.swap_alias("acme", "live", "books").result(10) == ""
    assert store.swap_alias("acme", "live", "more").result(10) == "books"
    with store.reading() as reader:
        assert reader.collection("acme", "live").spec.name == "more"
        assert reader.collection("acme", "more").aliases == ("live",)
        with pytest.raises(NotFound):
            reader.collection("acme", "live", alias=False)
    with pytest.raises(InvalidInput, match="alias"):
        store.swap_alias("acme", "books", "more").result(10)
    with pytest.raises(NotFound):
        store.delete_collection("acme", "live").result(10)
    assert store.swap_alias("acme", "live", "").result(10) == "more"
    with pytest.raises(NotFound):
        store.swap_alias("acme", "live", "").result(10)


def test_an_alias_moves_only_when_nothing_was_written(store: Store, books: Collection) -> None:
    store.create_collection("acme", CollectionSpec("more", 2)).result(10)
    with pytest.raises(VersionConflict, match="no collection yet"):
        store.swap_alias("acme", "live", "more", 1).result(10)
    store.swap_alias("acme", "live", "books").result(10)
    seen = store.upsert(books, [document("a", "one")], None).result(10).lsn
    written = store.upsert(books, [document("a", "two")], None).result(10).lsn
    for target in ("more", ""):
        with pytest.raises(VersionConflict, match=f"written at {written}"):
            store.swap_alias("acme", "live", target, seen).result(10)
    assert store.swap_alias("acme", "live", "more", written).result(10) == "books"


def test_deleting_a_collection_takes_all_it_holds(store: Store, books: Collection) -> None:
    store.swap_alias("acme", "live", "books").result(10)
    store.upsert(books, [document("a", "one", x=1.0)], None).result(10)
    assert store.delete_collection("acme", "books").result(10) == 1
    with store.reading() as reader:
        for name in ("books", "live"):
            with pytest.raises(NotFound):
                reader.collection("acme", name)
        assert reader.totals().chunk_count == 0
    with pytest.raises(NotFound):
        store.upsert(books, [document("b", "two")], None).result(10)
    again = store.create_collection("acme", SPEC).result(10)
    assert again.id != books.id
    assert found(store, again, "one") == []
