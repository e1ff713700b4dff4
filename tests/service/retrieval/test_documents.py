import hashlib
from typing import Any

import pytest
from google.protobuf import json_format

FULL = {
    "id": "a",
    "title": "Title",
    "sourceUri": "file:a.md",
    "text": "héllo world",
    "metadata": {"tags": ["x", "y"], "n": 3, "deep": {"ok": True, "none": None}},
    "chunks": [
        {"text": "héllo", "startByte": 0, "endByte": 6, "vector": [3, 4]},
        {"text": "world", "startByte": 7, "endByte": 12},
    ],
}


@pytest.fixture(autouse=True)
async def books(client: Any) -> None:
    await client.make()


async def test_a_document_comes_back_as_sent(client: Any) -> None:
    written = await client.put(FULL)
    read = (
        await client.call("documents.GetDocument", {"collection": "books", "id": "a", "includeVectors": True})
    ).document
    assert json_format.MessageToDict(read.metadata) == FULL["metadata"]
    assert (read.title, read.source_uri, read.text) == ("Title", "file:a.md", "héllo world")
    assert (read.version, read.lsn) == (1, written.lsn)
    assert read.content_sha256 == hashlib.sha256("héllo world".encode()).hexdigest()
    assert [(c.id, c.ordinal, c.text, c.start_byte, c.end_byte) for c in read.chunks] == [
        ("a#0", 0, "héllo", 0, 6),
        ("a#1", 1, "world", 7, 12),
    ]
    assert list(read.chunks[0].vector) == pytest.approx([0.6, 0.8])  # normalised on the way in
    assert not read.chunks[1].vector
    plain = (await client.call("documents.GetDocument", {"collection": "books", "id": "a"})).document
    assert not plain.chunks[0].vector
    assert (await client.put(FULL)).versions == [2]
    assert read.update_time.ToMicroseconds() > 1_700_000_000_000_000


async def test_missing_documents(client: Any) -> None:
    get = "documents.GetDocument"
    assert (await client.refusal(get, {"collection": "books", "id": "zz"})).code == "NOT_FOUND"
    assert (await client.refusal(get, {"collection": "zz", "id": "a"})).code == "NOT_FOUND"
    assert (await client.refusal(get, {"collection": "books"})).field == "id"


async def test_all_or_none(client: Any) -> None:
    refusal = await client.refusal(
        "documents.UpsertDocuments",
        {
            "collection": "books",
            "documents": [{"id": "good"}, {"id": "bad", "chunks": [{"text": "x", "vector": [1]}]}],
        },
    )
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "documents[1].chunks[0].vector")
    assert (await client.call("documents.ListDocuments", {"collection": "books"})).documents == []


async def test_optimistic_versions(client: Any) -> None:
    upsert = {"collection": "books", "documents": [{"id": "a"}], "expectedVersion": "0"}
    await client.call("documents.UpsertDocuments", upsert)
    refusal = await client.refusal("documents.UpsertDocuments", upsert)
    assert (refusal.code, refusal.reason) == ("ABORTED", "VERSION_CONFLICT")
    again = await client.call("documents.UpsertDocuments", upsert | {"expectedVersion": "1"})
    assert again.versions == [2]
    negative = await client.refusal("documents.UpsertDocuments", upsert | {"expectedVersion": "-1"})
    assert negative.field == "expected_version"


async def test_stamps_must_match_when_both_are_set(client: Any) -> None:
    await client.make("stamped", embeddingModel="m1")
    for stamp, refused in (("m1", False), ("", False), ("m2", True)):
        request = {"collection": "stamped", "documents": [{"id": "a"}], "embeddingModel": stamp}
        if refused:
            refusal = await client.refusal("documents.UpsertDocuments", request)
            assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "EMBEDDING_MODEL_MISMATCH")
        else:
            await client.call("documents.UpsertDocuments", request)


@pytest.mark.parametrize(
    ("documents", "field"),
    [
        ([], "documents"),
        ([{"id": f"d{i}"} for i in range(1001)], "documents"),
        ([{"id": "a"}, {"id": "a"}], "documents[1].id"),
        ([{}], "documents[0].id"),
        ([{"id": "a", "chunks": [{}]}], "documents[0].chunks[0].text"),
        ([{"id": "a", "chunks": [{"text": "x", "vector": [1, 2, 3]}]}], "documents[0].chunks[0].vector"),
        ([{"id": "a", "chunks": [{"text": "x", "vector": [0, 0]}]}], "documents[0].chunks[0].vector"),
        ([{"id": "a", "chunks": [{"text": "x", "vector": ["NaN", 0]}]}], "documents[0].chunks[0].vector"),
        ([{"id": "a", "chunks": [{"text": "x", "vector": [1] * 8193}]}], "documents[0].chunks[0].vector"),
        ([{"id": "a", "chunks": [{"text": "x"}] * 10_001}], "documents[0].chunks"),
        ([{"id": "a", "metadata": {"x": "y" * 65536}}], "documents[0].metadata"),
    ],
)
async def test_bad_documents(client: Any, documents: list[dict[str, Any]], field: str) -> None:
    refusal = await client.refusal(
        "documents.UpsertDocuments", {"collection": "books", "documents": documents}
    )
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


async def test_deep_metadata_is_refused(client: Any) -> None:
    deep: dict[str, Any] = {}
    for _ in range(16):
        deep = {"a": deep}
    refusal = await client.refusal(
        "documents.UpsertDocuments", {"collection": "books", "documents": [{"id": "a", "metadata": deep}]}
    )
    assert refusal.field == "documents[0].metadata"
    await client.put({"id": "a", "metadata": deep["a"]})


async def test_listing_pages_and_filters(client: Any) -> None:
    await client.put(*({"id": f"d{i:02}", "text": "t", "metadata": {"n": i}} for i in range(20)))
    request = {
        "collection": "books",
        "filter": {"condition": {"field": "n", "range": {"gte": 5, "lt": 15}}},
        "pageSize": 4,
    }
    seen, token = [], ""
    while True:
        page = await client.call("documents.ListDocuments", request | {"pageToken": token})
        seen += [d.id for d in page.documents]
        assert all(not d.text for d in page.documents)
        if not (token := page.next_page_token):
            break
    assert seen == [f"d{i:02}" for i in range(5, 15)]
    first = await client.call("documents.ListDocuments", {"collection": "books", "pageSize": 1})
    other = await client.refusal("documents.ListDocuments", request | {"pageToken": first.next_page_token})
    assert (other.code, other.field) == ("INVALID_ARGUMENT", "page_token")  # of another filter
    full = await client.call(
        "documents.ListDocuments", {"collection": "books", "pageSize": 1, "includeContent": True}
    )
    assert full.documents[0].text == "t"


async def test_deletions(client: Any) -> None:
    await client.put(*({"id": f"d{i}", "metadata": {"even": i % 2 == 0}} for i in range(6)))
    delete = "documents.DeleteDocuments"
    by_id = await client.call(delete, {"collection": "books", "ids": ["d1", "zz"]})
    assert (by_id.deleted_count, by_id.lsn) == (1, 3)
    by_filter = await client.call(
        delete,
        {"collection": "books", "filter": {"not": {"condition": {"field": "even", "equals": False}}}},
    )
    assert (by_filter.deleted_count, by_filter.lsn) == (3, 4)
    nothing = await client.call(delete, {"collection": "books", "ids": ["zz"]})
    assert (nothing.deleted_count, nothing.lsn) == (0, 4)
    for request in ({}, {"ids": ["a"], "filter": {"condition": {"field": "n", "exists": True}}}):
        assert (await client.refusal(delete, {"collection": "books", **request})).field == "ids"
    many = await client.refusal(delete, {"collection": "books", "ids": ["x"] * 1001})
    assert many.field == "ids"


def nested(depth: int) -> dict[str, Any]:
    return {"not": nested(depth - 1)} if depth > 1 else {"condition": {"field": "a", "exists": True}}


LEAF = {"condition": {"field": "a", "exists": True}}


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ({}, "filter.kind"),
        ({"condition": {"field": "a"}}, "filter.condition.test"),
        ({"condition": {"field": "a') OR 1=1 --", "exists": True}}, "filter.condition.field"),
        ({"condition": {"field": "$.a", "equals": 1}}, "filter.condition.field"),
        ({"condition": {"field": "a", "equals": None}}, "filter.condition.equals"),
        ({"condition": {"field": "a", "equals": {"x": 1}}}, "filter.condition.equals"),
        ({"condition": {"field": "a", "anyOf": []}}, "filter.condition.any_of"),
        ({"condition": {"field": "a", "anyOf": [1] * 1025}}, "filter.condition.any_of"),
        ({"condition": {"field": "a", "anyOf": [1, [2]]}}, "filter.condition.any_of.values[1]"),
        ({"condition": {"field": "a", "range": {}}}, "filter.condition.range"),
        ({"condition": {"field": "a", "range": {"lt": "NaN"}}}, "filter.condition.range"),
        ({"all": {}}, "filter.all.filters"),
        ({"any": {"filters": [LEAF] * 65}}, "filter.any.filters"),
        ({"any": {"filters": [{"all": {"filters": [LEAF] * 64}}] * 4}}, "filter"),
        (nested(9), "filter"),
    ],
)
async def test_bad_filters(client: Any, where: dict[str, Any], field: str) -> None:
    refusal = await client.refusal("documents.ListDocuments", {"collection": "books", "filter": where})
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


async def test_values_cannot_break_out_of_a_filter(client: Any) -> None:
    await client.put({"id": "a", "metadata": {"x": "y"}})
    for value in ("' OR '1'='1", '"] OR 1', "y' --", "%", "*"):
        where = {"condition": {"field": "x", "equals": value}}
        page = await client.call("documents.ListDocuments", {"collection": "books", "filter": where})
        assert page.documents == []
