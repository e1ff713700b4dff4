"""What every store must do with documents: write, replace, delete and list them."""

import hashlib
from concurrent.futures import wait
from dataclasses import replace

import numpy as np
import pytest
from retrieval.domain import Collection, Document
from retrieval.filters import AnyOf, Not
from retrieval.index.set import IndexSet
from retrieval.store.base import Store
from serving.errors import NotFound, VersionConflict

from .stored import document, found, names


def test_a_write_is_read_back_whole(store: Store, books: Collection) -> None:
    sent = document("a", "one fox", "two foxes", tags=["x", "y"], deep={"n": 1.5, "t": True, "z": None})
    written = store.upsert(books, [sent], None).result(10)
    with store.reading() as reader:
        assert reader.lsn == written.lsn
        read = reader.document(books.id, "a", vectors=True)
        assert (read.title, read.source_uri, read.text, read.metadata) == (
            sent.title,
            sent.source_uri,
            sent.text,
            sent.metadata,
        )
        assert (read.version, read.lsn) == (1, written.lsn)
        assert read.content_sha256 == hashlib.sha256(b"one fox two foxes").hexdigest()
        assert [(c.text, c.start_byte, c.end_byte) for c in read.chunks] == [
            ("one fox", 0, 7),
            ("two foxes", 0, 9),
        ]
        for chunk, expected in zip(read.chunks, sent.chunks, strict=True):
            assert np.array_equal(chunk.vector, expected.vector)  # type: ignore[arg-type]
        assert reader.document(books.id, "a", vectors=False).chunks[0].vector is None
        counted = reader.collection("acme", "books")
        assert (counted.document_count, counted.chunk_count, counted.last_lsn) == (1, 2, written.lsn)
        with pytest.raises(NotFound):
            reader.document(books.id, "b", vectors=False)


def test_a_copy_keeps_what_it_is_a_copy_of(store: Store, books: Collection) -> None:
    for lsn in (7, 9, 0):
        store.upsert(books, [replace(document("a", "one"), source_lsn=lsn)], None).result(10)
        with store.reading() as reader:
            (listed,) = reader.documents(books.id, None, "", 10, content=False).documents
        assert listed.source_lsn == lsn


def test_sizes_are_told_with_and_without_content(store: Store, books: Collection) -> None:
    store.upsert(books, [document("a", "one", "größer"), Document("b")], None).result(10)
    with store.reading() as reader:
        read = [reader.document(books.id, id, vectors=False) for id in "ab"]
        pages = [
            reader.documents(books.id, None, "", 10, content=content).documents for content in (True, False)
        ]
    for documents in (read, *pages):
        assert [(item.chunk_count, item.text_bytes) for item in documents] == [(2, 12), (0, 0)]


def test_a_rewrite_replaces_words_vectors_and_metadata(
    store: Store, books: Collection, indexes: IndexSet
) -> None:
    store.upsert(books, [document("a", "red", "green", x="old")], None).result(10)
    again = store.upsert(books, [document("a", "blue", x="new")], None).result(10)
    assert again.versions == (2,)
    assert (found(store, books, "red green"), found(store, books, "blue")) == ([], ["a#0"])
    assert len(indexes.get(books.id)) == 1
    with store.reading() as reader:
        assert len(reader.matching_chunks(books.id, AnyOf("x", ("old",)))) == 0
        assert len(reader.matching_chunks(books.id, AnyOf("x", ("new",)))) == 1
    assert store.verify([books]).result(10) == []


def test_expected_versions(store: Store, books: Collection) -> None:
    assert store.upsert(books, [document("a", "1")], 0).result(10).versions == (1,)
    with pytest.raises(VersionConflict, match="version 1"):
        store.upsert(books, [document("b", "1"), document("a", "2")], 0).result(10)
    assert names(store, books) == ["a"]
    assert store.upsert(books, [document("a", "2")], 1).result(10).versions == (2,)
    with pytest.raises(VersionConflict):
        store.upsert(books, [document("a", "3")], 1).result(10)
    with pytest.raises(VersionConflict):
        store.upsert(books, [document("new", "3")], 5).result(10)


def test_of_racing_writers_exactly_one_wins(store: Store, books: Collection) -> None:
    races = [store.upsert(books, [document("a", str(i))], 0) for i in range(20)]
    wait(races, 10)
    assert sum(race.exception() is None for race in races) == 1


def test_deletes(store: Store, books: Collection, indexes: IndexSet) -> None:
    docs = [document(f"d{i}", f"word{i}", even=i % 2 == 0) for i in range(6)]
    last = store.upsert(books, docs, None).result(10).lsn
    nothing = store.delete(books, ["missing"]).result(10)
    assert (nothing.count, nothing.lsn) == (0, last)
    some = store.delete(books, ["d1", "d1", "missing"]).result(10)
    assert (some.count, some.lsn) == (1, last + 1)
    assert store.delete(books, AnyOf("even", (True,))).result(10).count == 3
    assert names(store, books) == ["d3", "d5"]
    assert len(indexes.get(books.id)) == 2
    assert found(store, books, "word0 word1 word3") == ["d3#0"]
    assert store.upsert(books, [document("d1", "back")], 0).result(10).versions == (1,)
    assert store.verify([books]).result(10) == []


def test_listing_pages_and_filters(store: Store, books: Collection) -> None:
    docs = [document(f"d{i:02}", "t", n=float(i)) for i in range(25)]
    store.upsert(books, list(reversed(docs)), None).result(10)
    seen, after = [], ""
    while True:
        with store.reading() as reader:
            page = reader.documents(books.id, Not(AnyOf("n", (3.0,))), after, 7, content=False)
        seen += [d.id for d in page.documents]
        if page.last is None:
            break
        after = page.last
    assert seen == [d.id for d in docs if d.id != "d03"]
    assert page.documents[0].chunks == ()


def test_a_page_of_full_documents_ends_early(store: Store, books: Collection) -> None:
    big = "漢" * 700_000  # 2.1 MB
    store.upsert(books, [Document(f"d{i}", text=big) for i in range(4)], None).result(10)
    with store.reading() as reader:
        page = reader.documents(books.id, None, "", 100, content=True)
        assert (len(page.documents), page.last) == (2, "d1")
        assert page.documents[0].text == big
        assert len(reader.documents(books.id, None, "", 100, content=False).documents) == 4
