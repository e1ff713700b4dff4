import contextlib
import hashlib
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from retrieval import failpoints
from retrieval.domain import Chunk, Collection, CollectionSpec, Document
from retrieval.durable import make_private_file
from retrieval.filters import AnyOf, Not
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.store.reader import Reader
from retrieval.store.sqlite import schema, words
from retrieval.store.sqlite.lock import ProcessLock
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import DataLoss, FailedPrecondition, Overloaded


def chunked(name: str, text: str = "one") -> Document:
    return Document(name, text=text, chunks=(Chunk(text, vector=np.ones(2, dtype=np.float32)),))


@pytest.fixture
def books(store: SqliteStore) -> Collection:
    made = store.create_collection("t", CollectionSpec("books", 2)).result(10)
    store.upsert(made, [chunked("a"), chunked("b", "two")], None).result(10)
    return made


def tamper(store: SqliteStore, *statements: str) -> None:
    def run(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            connection.execute(statement)

    store._writer.alone(run).result(10)


def kinds(store: SqliteStore, indexes: IndexSet, collection: Collection) -> set[str]:
    findings = store.verify([collection]).result(10)
    findings += store.between_writes(lambda reader: indexes.verify(collection, reader)).result(10)
    return {finding.kind for finding in findings}


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE chunks SET text = 'zebra' WHERE id = 1", "LEXICAL_INDEX_MISMATCH"),
        ("UPDATE vectors SET vector = zeroblob(8) WHERE chunk = 1", "VECTOR_INDEX_MISMATCH"),
        ("DELETE FROM vectors WHERE chunk = 1", "VECTOR_INDEX_MISMATCH"),
        ("DELETE FROM vectors WHERE chunk = 2", "VECTOR_INDEX_MISMATCH"),
        ("UPDATE collections SET chunk_count = 7", "COUNT_MISMATCH"),
        ("UPDATE documents SET text = 'forged' WHERE name = 'a'", "CONTENT_MISMATCH"),
        ("UPDATE documents SET metadata = '{\"x\":1.0}' WHERE name = 'a'", "METADATA_INDEX_MISMATCH"),
        ("UPDATE vectors SET chunk = 77 WHERE chunk = 1", "DATABASE_CORRUPT"),
    ],
)
def test_verify_sees_what_was_tampered_with(
    store: SqliteStore, indexes: IndexSet, books: Collection, statement: str, kind: str
) -> None:
    assert kinds(store, indexes, books) == set()
    tamper(store, statement)
    assert kind in kinds(store, indexes, books)


def test_a_vector_of_a_wrong_size_is_found(store: SqliteStore, books: Collection) -> None:
    tamper(store, "UPDATE vectors SET vector = zeroblob(7) WHERE chunk = 1")
    assert {f.kind for f in store.verify([books]).result(10)} == {"VECTOR_CORRUPT"}
    with store.reading() as reader, pytest.raises(DataLoss):
        list(reader.vectors(books.id))


def test_rebuild_mends_what_is_derived(store: SqliteStore, indexes: IndexSet, books: Collection) -> None:
    tamper(
        store,
        "DELETE FROM words_1_data",
        "DELETE FROM metadata_values",
        "UPDATE collections SET document_count = 9",
        "UPDATE documents SET metadata = '{\"x\":1.0}' WHERE name = 'a'",
    )
    assert len(kinds(store, indexes, books)) == 3
    store.rebuild([books]).result(10)
    assert kinds(store, indexes, books) == set()


def test_what_matched_is_looked_up_anew_after_a_rebuild(store: SqliteStore, books: Collection) -> None:
    tamper(store, "UPDATE documents SET metadata = '{\"x\":1.0}' WHERE name = 'a'")
    where = AnyOf("x", (1.0,))
    with store.reading() as before:
        assert before.matching_chunks(books.id, where).tolist() == []  # type: ignore[union-attr]
        store.rebuild([books]).result(10)
        assert before.matching_chunks(books.id, Not(Not(where))).tolist() == []  # type: ignore[union-attr]
    with store.reading() as after:
        for mended in (where, Not(Not(where))):
            assert len(after.matching_chunks(books.id, mended)) == 1  # type: ignore[arg-type]


def test_files_are_private(store: SqliteStore, books: Collection, tmp_path: Path) -> None:
    store.snapshot("s")
    for path in [tmp_path / "retrieval", *(tmp_path / "retrieval").rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_second_process_is_refused(
    store: SqliteStore, tmp_path: Path, indexes: IndexSet, metrics: StoreMetrics
) -> None:
    with pytest.raises(FailedPrecondition, match="another retrieval server is using") as caught:
        SqliteStore(tmp_path / "retrieval", indexes, metrics)
    assert caught.value.reason == "STORE_IN_USE"
    store.close()
    SqliteStore(tmp_path / "retrieval", indexes, metrics).close()


def test_the_lock_goes_when_its_holder_does(tmp_path: Path) -> None:
    ProcessLock(tmp_path / "lock").release()
    ProcessLock(tmp_path / "lock").release()


def test_a_refused_opening_leaves_nothing_locked(
    open_store: Callable[[], SqliteStore], tmp_path: Path
) -> None:
    open_store().close()
    path = tmp_path / "retrieval" / "store.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(FailedPrecondition, match="schema 99"):
        open_store()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION}")
    connection.close()
    open_store()


def test_bytes_that_are_no_database_are_refused(
    open_store: Callable[[], SqliteStore], tmp_path: Path
) -> None:
    (tmp_path / "retrieval").mkdir()
    make_private_file(tmp_path / "retrieval" / "store.sqlite3")
    (tmp_path / "retrieval" / "store.sqlite3").write_bytes(b"no database at all " * 500)
    with pytest.raises(DataLoss, match="damaged"):
        open_store()


def test_damaged_pages_are_data_loss_for_those_who_read_them(
    open_store: Callable[[], SqliteStore], tmp_path: Path
) -> None:
    store = open_store()
    books = store.create_collection("t", CollectionSpec("books", 2)).result(10)
    store.upsert(books, [chunked(f"d{i}", "word " * 3000) for i in range(30)], None).result(10)
    store.compact().result(10)
    store.close()
    path = tmp_path / "retrieval" / "store.sqlite3"
    with sqlite3.connect(path) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'documents'").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))
    store = open_store()
    with pytest.raises(DataLoss), store.reading() as reader:
        reader.documents(books.id, None, "", 100, content=True)
    assert "DATABASE_CORRUPT" in {f.kind for f in store.verify([]).result(10)}


def test_reads_go_on_while_the_disk_is_full(store: SqliteStore, books: Collection) -> None:
    store._writer.alone(lambda c: c.execute("PRAGMA max_page_count = 1").fetchone()).result(10)
    refused = store.upsert(books, [chunked("c", "x" * 3_000_000)], None)
    assert isinstance(refused.exception(10), Overloaded)
    with store.reading() as reader:
        assert reader.totals().document_count == 2
    store._writer.alone(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchone()).result(10)
    assert store.upsert(books, [chunked("c")], None).result(10).versions == (1,)
    assert store.verify([books]).result(10) == []


@pytest.mark.parametrize(
    "damage", ["flip", "truncate", "no digest", "another digest", "newer", "inconsistent", "not a database"]
)
def test_no_damaged_snapshot_is_restored(
    store: SqliteStore, books: Collection, tmp_path: Path, damage: str
) -> None:
    store.snapshot("s")
    path = tmp_path / "retrieval" / "snapshots" / "s.sqlite3"
    digest = path.with_suffix(".sha256")
    data = path.read_bytes()
    if damage == "flip":
        path.write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
    elif damage == "truncate":
        path.write_bytes(data[:-4096])
    elif damage == "no digest":
        digest.unlink()
    elif damage == "another digest":
        digest.write_bytes(b"\xff" + digest.read_bytes()[1:])
    else:  # the digest fits, the content does not
        if damage == "newer":
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA user_version = 99")
            connection.close()
        elif damage == "inconsistent":
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA writable_schema = ON")
                connection.execute("DELETE FROM sqlite_schema WHERE name = 'chunks_by_collection'")
            connection.close()
        else:
            path.write_bytes(b"something else " * 1000)
        digest.write_text(hashlib.sha256(path.read_bytes()).hexdigest() + "\n")
    store.upsert(books, [chunked("c")], None).result(10)
    refused = store.restore("s").exception(10)
    assert isinstance(refused, DataLoss)
    assert "snapshot 's'" in refused.message  # and not the store
    with store.reading() as reader:
        assert reader.totals().document_count == 3


def write_first_schema(path: Path) -> None:
    """Write a snapshot as the first release did, with a collection `old`."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(schema.MIGRATIONS[0])
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO collections VALUES (1, 't', 'old', 2, 'l2', 'flat', 'm', 0, 0, 0, 0)")
        words.create(connection, 1)
    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest() + "\n")


def test_a_snapshot_of_an_older_schema_is_restored_in_todays_or_not_at_all(
    store: SqliteStore, books: Collection, indexes: IndexSet, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    snapshots = tmp_path / "retrieval" / "snapshots"
    write_first_schema(snapshots / "s.sqlite3")
    request.addfinalizer(lambda: failpoints.arm([]))
    failpoints.arm(["migrate.before_commit=full@2"])
    assert isinstance(store.restore("s").exception(10), Overloaded)
    assert kinds(store, indexes, books) == set()
    assert len(indexes.get(books.id)) == 2  # type: ignore[arg-type]
    store.upsert(books, [chunked("c")], None).result(10)
    failpoints.arm([])
    assert store.restore("s").result(10).schema_version == schema.VERSION
    assert {path.name for path in snapshots.iterdir()} == {"s.sqlite3", "s.sha256"}
    with store.reading() as reader:
        (old,) = reader.collections(None)
    assert kinds(store, indexes, old) == set()
    store.upsert(old, [chunked("a")], None).result(10)


def test_leftovers_of_a_killed_snapshot_are_swept(
    open_store: Callable[[], SqliteStore], tmp_path: Path
) -> None:
    open_store().close()
    partial = tmp_path / "retrieval" / "snapshots" / "s.partial"
    partial.write_bytes(b"half")
    open_store().snapshot("s")
    assert not partial.exists()


def test_a_commit_is_flushed_before_it_is_acknowledged(store: SqliteStore) -> None:
    def pragmas(connection: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert store._writer.alone(pragmas).result(10) == ["wal", 2, 1]


def test_an_error_that_is_kept_keeps_no_view_of_the_store(store: SqliteStore, books: Collection) -> None:
    def stop_in_the_middle(reader: Reader) -> None:
        found = reader._connection.execute("SELECT id FROM documents")  # type: ignore[attr-defined]
        for _ in found:
            raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped") as caught, store.reading() as reader:
        stop_in_the_middle(reader)
    store.upsert(books, [chunked("c")], None).result(10)
    emptied = store._writer.alone(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()).result(
        60
    )
    assert emptied == (0, 0, 0)
    del caught


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE collections SET metric = 'nearness'",
        "UPDATE collections SET dimension = 0",
        "UPDATE collections SET embedding_model = x'00'",
        "UPDATE collections SET created_at = 9000000000000000000",
    ],
)
def test_a_damaged_collection_is_data_loss(store: SqliteStore, books: Collection, statement: str) -> None:
    tamper(store, statement)
    with pytest.raises(DataLoss), store.reading() as reader:
        reader.collection("t", "books")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET metadata = '{'",
        "UPDATE documents SET metadata = '[]'",
        "UPDATE documents SET title = x'ff'",
        "UPDATE documents SET text = CAST(x'ff' AS TEXT)",
        "UPDATE documents SET updated_at = 'noon'",
        "UPDATE chunks SET end_byte = 1 << 40",
        "UPDATE chunks SET text = x'ff'",
        "UPDATE vectors SET vector = 'text'",
    ],
)
def test_a_damaged_document_is_data_loss(store: SqliteStore, books: Collection, statement: str) -> None:
    tamper(store, statement)
    with pytest.raises(DataLoss), store.reading() as reader:
        reader.document(books.id, "a", vectors=True)
