"""The disk fails under a server: callers are told, readers go on, and nothing is left half done."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from retrieval import failpoints

CHUNK = {"text": "some words", "vector": [1, 1]}
FAILURES = [("error", "UNAVAILABLE"), ("full", "RESOURCE_EXHAUSTED")]


@pytest.fixture(autouse=True)
async def books(client: Any) -> None:
    await client.make()
    await client.put({"id": "a", "chunks": [CHUNK, CHUNK]}, {"id": "b", "chunks": [CHUNK]})


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm(())


@pytest.mark.parametrize(("action", "code"), FAILURES)
async def test_a_commit_that_fails_is_not_written_and_the_next_one_is(
    client: Any, action: str, code: str
) -> None:
    failpoints.arm([f"write.before_commit={action}@1"])
    refusal = await client.refusal(
        "documents.UpsertDocuments", {"collection": "books", "documents": [{"id": "a", "chunks": [CHUNK]}]}
    )
    assert refusal.code == code
    assert len((await client.search({"text": "words", "vector": [1, 1]})).hits) == 3
    assert (await client.call("admin.Verify", {})).consistent
    assert list((await client.put({"id": "a", "chunks": [CHUNK]})).versions) == [2]
    assert len((await client.search({"text": "words", "vector": [1, 1]})).hits) == 2
    assert (await client.call("admin.Verify", {})).consistent


@pytest.mark.parametrize(("action", "code"), FAILURES)
@pytest.mark.parametrize(
    "place",
    [
        "snapshot.before_fsync=@1",
        "snapshot.before_digest=@1",
        "snapshot.before_rename=@1",
        "file.before_fsync=@1",
        "file.before_fsync=@2",
        "directory.before_fsync=@1",
        "directory.before_fsync=@2",
        "directory.before_fsync=@3",
    ],
)
async def test_a_snapshot_that_fails_leaves_its_name_free(
    client: Any, tmp_path: Path, place: str, action: str, code: str
) -> None:
    failpoints.arm([place.replace("=", f"={action}")])
    assert (await client.refusal("admin.Snapshot", {"name": "monday"})).code == code
    assert not list(tmp_path.rglob("*.partial"))  # noqa: ASYNC240 - a test's own folder
    assert (await client.refusal("admin.Restore", {"name": "monday"})).code == "NOT_FOUND"
    await client.call("admin.Snapshot", {"name": "monday"})
    assert (await client.call("admin.Restore", {"name": "monday"})).lsn == 2
    assert (await client.call("admin.Verify", {})).consistent


@pytest.mark.parametrize(("action", "code"), FAILURES)
@pytest.mark.parametrize(
    ("place", "call", "request_"),
    [
        ("rebuild.before_commit", "admin.Repair", {}),
        ("compact.before_vacuum", "admin.Compact", {}),
        ("restore.before_copy", "admin.Restore", {"name": "monday"}),
    ],
)
async def test_maintenance_that_fails_changes_nothing_that_is_seen(
    client: Any, place: str, call: str, request_: dict[str, str], action: str, code: str
) -> None:
    await client.call("admin.Snapshot", {"name": "monday"})
    failpoints.arm([f"{place}={action}@1"])
    assert (await client.refusal(call, request_)).code == code
    assert (await client.call("admin.Verify", {})).consistent
    assert len((await client.search({"text": "words", "vector": [1, 1]})).hits) == 3
    await client.call(call, request_)
    assert (await client.call("admin.Verify", {})).consistent
