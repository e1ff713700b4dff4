import asyncio
import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from retrieval.store.sqlite import schema

CHUNK = {"text": "some words", "vector": [1, 1]}


@pytest.fixture(autouse=True)
async def books(client: Any) -> None:
    await client.make()
    await client.put({"id": "a", "chunks": [CHUNK, CHUNK]}, {"id": "b", "chunks": [CHUNK]})


async def test_verify_and_repair(client: Any, tmp_path: Path) -> None:
    await client.make("more")
    for collection, count in (("", 3), ("books", 3), ("more", 0)):
        verified = await client.call("admin.Verify", {"collection": collection})
        assert (verified.consistent, verified.checked_chunk_count) == (True, count)
    database = sqlite3.connect(tmp_path / "retrieval" / "store.sqlite3")
    with database:
        database.execute("UPDATE vectors SET vector = zeroblob(8) WHERE chunk = 1")
        database.execute("DELETE FROM words_1_data")
    database.close()
    verified = await client.call("admin.Verify", {})
    assert not verified.consistent
    kinds = {(finding.collection, finding.kind) for finding in verified.findings}
    assert kinds == {("books", "VECTOR_INDEX_MISMATCH"), ("books", "LEXICAL_INDEX_MISMATCH")}
    assert (await client.call("admin.Repair", {"collection": "books"})).rebuilt_chunk_count == 3
    assert (await client.call("admin.Verify", {})).consistent
    assert len((await client.search({"text": "words"})).hits) == 3
    assert (await client.call("admin.Repair", {})).rebuilt_chunk_count == 3


async def test_snapshot_and_restore(client: Any, tmp_path: Path) -> None:
    before = await client.search({"vector": [1, 0], "text": "words"})
    copy = await client.call("admin.Snapshot", {"name": "monday"})
    path = tmp_path / "retrieval" / "snapshots" / "monday.sqlite3"
    assert copy.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (copy.name, copy.size_bytes, copy.lsn) == ("monday", path.stat().st_size, 2)
    await client.call("documents.DeleteDocuments", {"collection": "books", "ids": ["a"]})
    await client.make("late")
    restored = await client.call("admin.Restore", {"name": "monday"})
    assert (restored.lsn, restored.collection_count) == (2, 1)
    after = await client.search({"vector": [1, 0], "text": "words"})
    assert after.hits == before.hits
    assert (await client.call("admin.Verify", {})).consistent
    assert (await client.refusal("admin.Snapshot", {"name": "monday"})).code == "ALREADY_EXISTS"
    assert (await client.refusal("admin.Restore", {"name": "tuesday"})).code == "NOT_FOUND"
    path.write_bytes(path.read_bytes()[:-1])
    assert (await client.refusal("admin.Restore", {"name": "monday"})).code == "DATA_LOSS"
    assert len((await client.search({"text": "words"})).hits) == 3


@pytest.mark.parametrize("name", ["", "../store", "a/b", ".hidden", "x" * 129])
async def test_names_of_snapshots_stay_in_their_directory(client: Any, name: str) -> None:
    for method in ("admin.Snapshot", "admin.Restore"):
        refusal = await client.refusal(method, {"name": name})
        assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "name")


async def test_compact_shrinks(client: Any) -> None:
    await client.put(*({"id": f"big{i}", "text": "x" * 100_000} for i in range(30)))
    await client.call(
        "documents.DeleteDocuments", {"collection": "books", "ids": [f"big{i}" for i in range(30)]}
    )
    done = await client.call("admin.Compact", {})
    assert done.after_bytes < done.before_bytes / 10
    assert (await client.call("admin.Stats", {})).disk_bytes == done.after_bytes
    assert len((await client.search({"text": "words"})).hits) == 3


async def test_stats(client: Any) -> None:
    await client.make(tenant="other")
    await client.put({"id": "c", "chunks": [{"text": "no vector"}]}, tenant="other")
    stats = await client.call("admin.Stats", {})
    counts = (stats.collection_count, stats.document_count, stats.chunk_count, stats.vector_count)
    assert counts == (2, 3, 4, 3)
    assert (stats.vector_bytes, stats.last_lsn, stats.schema_version) == (3 * 2 * 4, 4, schema.VERSION)
    assert stats.disk_bytes > 10_000
    for gauge, value in {
        "collections": 2, "documents": 3, "chunks": 4, "vectors": 3, "vector_bytes": 24, "last_lsn": 4,
    }.items():  # fmt: skip
        assert client.registry.get_sample_value(f"quadrille_retrieval_{gauge}") == value
    assert client.registry.get_sample_value("quadrille_retrieval_disk_bytes") > 10_000
    assert client.registry.get_sample_value("quadrille_retrieval_index_rebuild_seconds_count") == 1
    assert client.registry.get_sample_value("quadrille_retrieval_write_seconds_count") >= 4


async def test_restores_repairs_and_compactions_amid_traffic(client: Any) -> None:
    """Nothing locks up, and every search sees a whole store: both chunks of "a", with both scores."""
    await client.call("admin.Snapshot", {"name": "s"})
    done = False

    async def read() -> None:
        while not done:
            response = await client.search({"vector": [1, 1], "text": "words", "topK": 2})
            assert [hit.chunk_id for hit in response.hits] == ["a#0", "a#1"]
            assert all(hit.dense_rank and hit.lexical_rank for hit in response.hits)

    async def write() -> None:
        while not done:
            await client.put({"id": "a", "chunks": [CHUNK, CHUNK]})

    traffic = [asyncio.create_task(work()) for work in (read, read, read, write, write)]
    for _ in range(4):
        await client.call("admin.Restore", {"name": "s"})
        await client.call("admin.Compact", {})
        await client.call("admin.Repair", {})
        assert (await client.call("admin.Verify", {})).consistent
    done = True
    await asyncio.gather(*traffic)
