import sqlite3
from collections.abc import Iterator

import pytest
from retrieval.store.sqlite import schema
from serving.errors import DataLoss, FailedPrecondition


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    yield opened
    opened.close()


def test_migrating_twice_is_migrating_once(connection: sqlite3.Connection) -> None:
    schema.migrate(connection)
    connection.execute("INSERT INTO log (collection, kind, written_at) VALUES (1, 'x', 0)")
    schema.migrate(connection)
    assert schema.version_of(connection) == schema.VERSION
    assert connection.execute("SELECT count(*) FROM log").fetchone() == (1,)


def test_a_newer_schema_is_refused_with_a_sentence(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(FailedPrecondition, match=r"schema 99 .* run a newer one") as caught:
        schema.migrate(connection)
    assert caught.value.reason == "SCHEMA_TOO_NEW"


def test_a_database_of_something_else_is_left_alone(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(DataLoss, match="something else"):
        schema.migrate(connection)


def test_a_failing_step_leaves_the_version_before(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE more (x); NONSENSE"))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection)
    assert schema.version_of(connection) == schema.VERSION - 1
    assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'more'").fetchone()
