"""What every store must show at one point in time, and tell of what changes after it."""

import threading

from retrieval.domain import Collection, CollectionSpec
from retrieval.store.base import Store

from .stored import document, names


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
