import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from retrieval.metrics import StoreMetrics
from retrieval.store.base import Change
from retrieval.store.reader import Reader
from retrieval.store.sqlite.connection import open_database
from retrieval.store.sqlite.writer import GroupCommitWriter
from serving.errors import DataLoss, InvalidInput, Overloaded, Unavailable


class Journal:
    """Notes what was published, and lets a test hold a commit back."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.entered, self.go = threading.Event(), threading.Event()
        self.go.set()

    def publish(self, commit: Callable[[], None], changes: Any) -> None:
        self.entered.set()
        self.go.wait(10)
        commit()
        self.groups.append(len(changes))

    def reload(self, reader: Reader) -> None: ...


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "db")
    opened.execute("CREATE TABLE t (x INTEGER PRIMARY KEY, fill BLOB)")
    yield opened
    opened.close()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def writer(
    connection: sqlite3.Connection, journal: Journal, registry: CollectorRegistry
) -> Iterator[GroupCommitWriter]:
    made = GroupCommitWriter(connection, journal, StoreMetrics(registry), max_batch=8, max_queued=20)
    yield made
    journal.go.set()
    made.close()


def insert(number: int, size: int = 0) -> Callable[[sqlite3.Connection], tuple[int, list[Change]]]:
    def write(connection: sqlite3.Connection) -> tuple[int, list[Change]]:
        connection.execute("INSERT INTO t VALUES (?, zeroblob(?))", (number, size))
        return number, [number]  # type: ignore[list-item]

    return write


def fail(connection: sqlite3.Connection) -> tuple[int, list[Change]]:
    connection.execute("INSERT INTO t VALUES (999, NULL)")
    raise InvalidInput("x", "is bad")


def rows(connection: sqlite3.Connection) -> list[int]:
    return [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]


def hold(writer: GroupCommitWriter, journal: Journal) -> "Future[int]":
    """Keep the writer busy with one commit until `journal.go` is set."""
    journal.go.clear()
    first = writer.write(insert(0))
    assert journal.entered.wait(10)
    return first


def test_waiting_writes_share_a_commit(
    writer: GroupCommitWriter, journal: Journal, connection: sqlite3.Connection, registry: CollectorRegistry
) -> None:
    first = hold(writer, journal)
    rest = [writer.write(insert(i)) for i in range(1, 13)]
    assert not first.done()
    journal.go.set()
    assert [write.result(10) for write in rest] == list(range(1, 13))
    assert journal.groups == [1, 8, 4]
    assert registry.get_sample_value("quadrille_retrieval_commit_batch_size_sum") == 13
    writer.close()
    assert rows(connection) == list(range(13))


def test_a_bad_write_fails_alone(
    writer: GroupCommitWriter, journal: Journal, connection: sqlite3.Connection
) -> None:
    hold(writer, journal)
    good, bad, also_good = writer.write(insert(1)), writer.write(fail), writer.write(insert(2))
    twice = writer.write(insert(1))
    journal.go.set()
    assert (good.result(10), also_good.result(10)) == (1, 2)
    assert isinstance(bad.exception(10), InvalidInput)
    assert isinstance(twice.exception(10), DataLoss)
    writer.close()
    assert rows(connection) == [0, 1, 2]


def test_a_refusal_is_told_with_the_commit_that_it_may_rest_on(
    writer: GroupCommitWriter, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(commit: Callable[[], None], changes: Any) -> None:
        raise Unavailable("lost")

    hold(writer, journal)
    written, twice = writer.write(insert(1)), writer.write(insert(1))
    monkeypatch.setattr(journal, "publish", lost)
    journal.go.set()
    assert [type(write.exception(10)) for write in (written, twice)] == [Unavailable, Unavailable]


def test_a_write_cancelled_while_it_waits_is_never_written(
    writer: GroupCommitWriter, journal: Journal, connection: sqlite3.Connection
) -> None:
    hold(writer, journal)
    dropped, kept = writer.write(insert(1)), writer.write(insert(2))
    assert dropped.cancel()
    journal.go.set()
    kept.result(10)
    with pytest.raises(CancelledError):
        dropped.result(10)
    writer.close()
    assert rows(connection) == [0, 2]


def test_a_full_queue_refuses(writer: GroupCommitWriter, journal: Journal) -> None:
    hold(writer, journal)
    with pytest.raises(Overloaded) as caught:
        for i in range(1, 40):
            writer.write(insert(i))
    assert caught.value.retry_after_s > 0


def test_work_alone_shares_no_transaction(writer: GroupCommitWriter, journal: Journal) -> None:
    hold(writer, journal)
    before = writer.write(insert(1))
    alone = writer.alone(lambda connection: (connection.in_transaction, rows(connection)))
    after = writer.write(insert(2))
    journal.go.set()
    assert alone.result(10) == (False, [0, 1])
    assert (before.result(10), after.result(10)) == (1, 2)
    assert journal.groups == [1, 1, 1]


def test_work_that_fails_leaves_no_transaction(writer: GroupCommitWriter) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        raise ValueError("broken")

    assert isinstance(writer.alone(broken).exception(10), ValueError)
    assert writer.write(insert(1)).result(10) == 1


def test_a_full_disk_refuses_writes_and_recovers(
    writer: GroupCommitWriter, connection: sqlite3.Connection
) -> None:
    def limit(pages: int) -> Callable[[sqlite3.Connection], Any]:
        return lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    writer.write(insert(1)).result(10)
    writer.alone(limit(20)).result(10)
    refused = writer.write(insert(2, size=1_000_000))
    assert isinstance(refused.exception(10), Overloaded)
    assert "disk is full" in str(refused.exception())
    writer.alone(limit(10_000)).result(10)
    assert writer.write(insert(3, size=1_000_000)).result(10) == 3
    writer.close()
    assert rows(connection) == [1, 3]


def test_closing_writes_what_waits_and_refuses_the_rest(
    writer: GroupCommitWriter, journal: Journal, connection: sqlite3.Connection
) -> None:
    hold(writer, journal)
    waiting = [writer.write(insert(i)) for i in range(1, 18)]
    closing = threading.Thread(target=writer.close)
    closing.start()
    journal.go.set()
    closing.join(10)
    assert all(write.result(0) for write in waiting)
    with pytest.raises(Unavailable):
        writer.write(insert(99))
    assert rows(connection) == list(range(18))
