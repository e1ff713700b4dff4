"""Documents that not all may read."""

from collections.abc import Sequence
from typing import Any

import pytest
from quadrille.retrieval.v1 import document_pb2

DOCUMENTS = [
    {"id": "all", "chunks": [{"text": "fox for all", "vector": [1, 0]}]},
    {"id": "staff", "readers": ["group:staff"], "chunks": [{"text": "fox for staff", "vector": [1, 0.1]}]},
    {"id": "bob", "readers": ["principal:bob"], "chunks": [{"text": "fox fox for bob", "vector": [1, 0.2]}]},
]
QUERIES = ({"vector": [1, 0.2]}, {"text": "fox"}, {"vector": [1, 0.2], "text": "fox"})


@pytest.fixture(autouse=True)
async def books(client: Any) -> None:
    await client.make()
    await client.put(*DOCUMENTS)


@pytest.mark.parametrize("query", QUERIES)
async def test_searches_rank_what_the_caller_may_read(client: Any, query: dict[str, Any]) -> None:
    alice, bob = client.acting_for("alice", "staff"), client.acting_for("bob")
    for caller, seen in ((client, {"all", "staff", "bob"}), (alice, {"all", "staff"}), (bob, {"all", "bob"})):
        response = await caller.search(query, explain=True)
        assert {hit.document_id for hit in response.hits} == seen
        assert response.plan.HasField("filtered_chunk_count") == (caller is not client)
        one = await caller.search({**query, "topK": 1})  # before ranking: none is lost to a hidden one
        assert len(one.hits) == 1
    assert [h.document_id for h in (await alice.search({**query, "topK": 1})).hits] != ["bob"]
    grouped = await alice.search({**query, "groupByDocument": {}, "topK": 5})
    assert {hit.document_id for hit in grouped.hits} == {"all", "staff"}
    batch = {"collection": "books", "queries": [query, query]}
    for response in (await bob.call("searches.BatchSearch", batch)).responses:
        assert {hit.document_id for hit in response.hits} == {"all", "bob"}


async def test_a_name_is_no_group_and_no_pattern(client: Any) -> None:
    for caller in (client.acting_for("staff"), client.acting_for("x", "bob"), client.acting_for("%25")):
        assert [hit.document_id for hit in (await caller.search({"text": "fox"})).hits] == ["all"]


async def test_reads_and_listings(client: Any) -> None:
    bob = client.acting_for("bob")
    listed = await bob.call("documents.ListDocuments", {"collection": "books"})
    assert [(d.id, list(d.readers)) for d in listed.documents] == [("all", []), ("bob", ["principal:bob"])]
    refusal = await bob.refusal("documents.GetDocument", {"collection": "books", "id": "staff"})
    missing = await bob.refusal("documents.GetDocument", {"collection": "books", "id": "zz"})
    assert (refusal.code, refusal.reason) == (missing.code, missing.reason) == ("NOT_FOUND", "NOT_FOUND")


async def test_writes(client: Any) -> None:
    bob = client.acting_for("bob")
    over = {"collection": "books", "documents": [{"id": "staff"}]}
    assert (await bob.refusal("documents.UpsertDocuments", over)).code == "PERMISSION_DENIED"
    deleted = await bob.call("documents.DeleteDocuments", {"collection": "books", "ids": ["staff", "bob"]})
    assert deleted.deleted_count == 1
    await bob.put({"id": "mine", "readers": ["principal:bob", "principal:bob"]})
    assert (await client.acting_for("alice").search({"text": "fox"})).lsn == 4


async def test_an_ingest_is_its_callers(client: Any, start: document_pb2.IngestRequest) -> None:
    item = document_pb2.IngestDocument(document=document_pb2.Document(id="staff"))
    requests = iter([start, document_pb2.IngestRequest(document=item)])
    bob = client.acting_for("bob")
    events = [event async for event in bob.documents.Ingest(requests, metadata=bob.acting, timeout=30)]
    errors = [event.error.reason for event in events if event.WhichOneof("event") == "error"]
    assert errors == ["PERMISSION_DENIED"]


@pytest.mark.parametrize("reader", ["bob", "principal:", "everyone:x", "group:" + "x" * 129])
async def test_bad_readers(client: Any, reader: str) -> None:
    request = {"collection": "books", "documents": [{"id": "a", "readers": ["group:ok", reader]}]}
    refusal = await client.refusal("documents.UpsertDocuments", request)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "documents[0].readers[1]")


@pytest.mark.parametrize("names", [range(257), [0] * 257])
async def test_too_many_readers(client: Any, names: Sequence[int]) -> None:
    many = {"id": "a", "readers": [f"group:{name}" for name in names]}
    refusal = await client.refusal("documents.UpsertDocuments", {"collection": "books", "documents": [many]})
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "documents[0].readers")


async def test_who_acts_for_a_name_is_no_administrator(client: Any) -> None:
    refusal = await client.acting_for("bob").refusal("admin.Stats", {})
    assert refusal.code == "PERMISSION_DENIED"
