"""What every store must do."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import replace

import numpy as np
import pytest
from retrieval.domain import Chunk, Collection, CollectionSpec, Document
from retrieval.filters import AnyOf, Exists, Filter, Not
from retrieval.index.set import IndexSet
from retrieval.lexical import match_expression
from retrieval.store.base import Store
from serving.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    Unavailable,
    VersionConflict,
)

from .stored import SPEC, document, found, names


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


def test_words_under_filters_that_let_much_through(store: Store, books: Collection) -> None:
    docs = [document(f"d{i:03}", "common", "common " * (i % 5), even=i % 2 == 0) for i in range(300)]
    store.upsert(books, docs, None).result(10)
    with store.reading() as reader:
        every, scores = reader.lexical(books.id, match_expression("common"), None, 1000)
        by_id = dict(zip(every.tolist(), scores.tolist(), strict=True))
        ids, found = reader.lexical(books.id, match_expression("common"), AnyOf("even", (True,)), 1000)
        allowed = reader.matching_chunks(books.id, AnyOf("even", (True,)))
    assert allowed is not None
    assert ids.tolist() == [number for number in every.tolist() if number in set(allowed.tolist())]
    assert found.tolist() == [by_id[number] for number in ids.tolist()]


def test_bm25_counts_over_one_collection_alone(store: Store, books: Collection) -> None:
    docs = [document("a", "common rare"), *(document(f"b{i}", "common words") for i in range(5))]
    store.upsert(books, docs, None).result(10)
    with store.reading() as reader:
        before = reader.lexical(books.id, match_expression("rare"), None, 10)
    other = store.create_collection("other", SPEC).result(10)
    store.upsert(other, [document(f"c{i}", "rare rare") for i in range(50)], None).result(10)
    with store.reading() as reader:
        after = reader.lexical(books.id, match_expression("rare"), None, 10)
        assert len(reader.lexical(books.id, match_expression("rare"), Exists("x", True), 10)[0]) == 0
    assert before[1].tolist() == after[1].tolist()
    assert before[1][0] > 0


def test_vectors_of_chunks(store: Store, books: Collection) -> None:
    store.upsert(books, [document("a", "one", "three"), Document("b", chunks=(Chunk("x"),))], None).result(10)
    with store.reading() as reader:
        ids, _ = reader.lexical(books.id, match_expression("one three x"), None, 10)
        vectors = reader.chunk_vectors(np.append(ids, 999))
        names = reader.chunk_names(ids)
    assert {names[number]: vector.tolist() for number, vector in vectors.items()} == {
        "a#0": [0, 3],
        "a#1": [1, 5],
    }


def test_what_matches_is_told_anew_after_every_write(store: Store, books: Collection) -> None:
    def count(where: Filter) -> int:
        with store.reading() as reader:
            found = reader.matching_chunks(books.id, where)
        assert found is not None
        return len(found)

    one, true = AnyOf("x", (1.0,)), AnyOf("x", (True,))
    store.upsert(books, [document("a", "w", x=1.0), document("b", "w", x=1.0)], None).result(10)
    assert (count(one), count(true), count(one)) == (2, 0, 2)
    store.snapshot("first")
    store.upsert(books, [document("a", "w", x=True)], None).result(10)
    assert (count(one), count(true)) == (1, 1)
    store.delete(books, ["b"]).result(10)
    assert count(one) == 0
    store.restore("first").result(30)
    assert count(one) == 2
    store.upsert(books, [document("b", "w")], None).result(10)  # takes the number that the rewrite of a had
    assert (count(one), count(true)) == (1, 0)


def test_a_reader_sees_one_point_in_time(store: Store, books: Collection) -> None:
    with store.reading() as reader:
        lsn = reader.lsn
        written = store.upsert(books, [document("a", "one")], None)
        assert written.result(10).lsn == lsn + 1
        assert reader.totals().document_count == 0
        assert reader.lsn == lsn
    assert names(store, books) == ["a"]


def test_every_write_is_another_version_before_it_is_acknowledged(store: Store, books: Collection) -> None:
    seen = store.version
    for write in (
        lambda: store.upsert(books, [document("a", "one")], None),
        lambda: store.swap_alias("acme", "live", "books"),
        lambda: store.delete(books, ["a"]),
        lambda: store.create_collection("acme", CollectionSpec("more", 2)),
        lambda: store.delete_collection("acme", "more"),
    ):
        write().result(10)
        assert store.version > seen
        seen = store.version
        with store.reading() as reader:
            assert (reader.version, reader.epoch) == (seen, store.epoch)


def test_a_store_that_is_replaced_has_another_epoch_and_version(store: Store, books: Collection) -> None:
    store.snapshot("first")
    before = store.version, store.epoch
    store.restore("first").result(30)
    assert store.version > before[0]
    assert store.epoch > before[1]


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


def test_no_commit_happens_between_writes(store: Store, books: Collection) -> None:
    started, go = threading.Event(), threading.Event()

    def work(reader: object) -> int:
        started.set()
        go.wait(10)
        with_names = names(store, books)
        return len(with_names)

    running = store.between_writes(work)
    assert started.wait(10)
    written = store.upsert(books, [document("a", "one")], None)
    go.set()
    assert running.result(10) == 0
    written.result(10)
    assert names(store, books) == ["a"]


def test_a_closed_store_says_so(reopen: Callable[[], Store]) -> None:
    store = reopen()
    books = store.create_collection("acme", SPEC).result(10)
    queued = [store.upsert(books, [document(f"d{i}", "x")], None) for i in range(50)]
    store.close()
    assert all(write.result(10).versions == (1,) for write in queued)
    with pytest.raises(Unavailable):
        store.upsert(books, [document("late", "x")], None)


def test_passages_are_as_they_were_written(store: Store, books: Collection) -> None:
    texts = ["plain", 'quo"ted \\ back', "nul \0 and \u2028 line", "é 漢 😀", "\x7f\x1b\t\r\n"]
    metadata = {"deep": {"list": [1, 2.5, None, True, "\0"]}, "big": 1e300, "text": "\\\"'"}
    written = replace(document("d\"'\\é", *texts), metadata=metadata, title="T\0", source_uri="a\\b")
    store.upsert(books, [written, document("other", *("word " * 9 for _ in range(70)))], None).result(10)
    with store.reading() as reader:
        numbers = np.arange(1, 90, dtype=np.int64)
        passages = reader.passages(numbers)
        known = reader.chunk_names(numbers)
        assert {number: passage.id for number, passage in passages.items()} == known
        assert len(known) == 75
        assert reader.passages(numbers[:0]) == {}
        stored = reader.document(books.id, written.id, vectors=False)
    mine = sorted((p for p in passages.values() if p.document_id == written.id), key=lambda p: p.ordinal)
    assert [(p.text, p.start_byte, p.end_byte) for p in mine] == [
        (c.text, c.start_byte, c.end_byte) for c in stored.chunks
    ]
    assert [p.text for p in mine] == texts
    for passage in mine:
        assert passage.metadata == stored.metadata == metadata
        assert (passage.title, passage.source_uri) == ("T\0", "a\\b")
        assert passage.content_sha256 == stored.content_sha256
