from typing import Any

import pytest
from quadrille.retrieval.v1 import collection_pb2


async def test_create_describe_and_delete(client: Any) -> None:
    made = await client.call(
        "collections.CreateCollection",
        {"collection": {"name": "books", "dimension": 3, "metric": "METRIC_L2", "embeddingModel": "m1"}},
    )
    seen = await client.call("collections.GetCollection", {"name": "books"})
    assert seen.collection == made.collection
    assert (seen.collection.metric, seen.collection.index) == (
        collection_pb2.METRIC_L2,
        collection_pb2.INDEX_KIND_FLAT,
    )
    assert (seen.collection.embedding_model, seen.collection.last_lsn) == ("m1", 1)
    assert seen.collection.create_time.seconds > 1_700_000_000
    await client.put({"id": "a"})
    gone = await client.call("collections.DeleteCollection", {"name": "books"})
    assert gone.document_count == 1
    refusal = await client.refusal("collections.GetCollection", {"name": "books"})
    assert (refusal.code, refusal.reason) == ("NOT_FOUND", "NOT_FOUND")


async def test_unset_enums_mean_cosine_and_flat(client: Any) -> None:
    await client.make()
    seen = (await client.call("collections.GetCollection", {"name": "books"})).collection
    assert (seen.metric, seen.index) == (collection_pb2.METRIC_COSINE, collection_pb2.INDEX_KIND_FLAT)


HNSW = {"m": 32, "ef_construction": 200, "accurate_ef_search": 256}


@pytest.mark.parametrize(
    ("settings", "kind", "options"),
    [
        ({"index": "INDEX_KIND_HNSW"}, "hnsw", HNSW),
        (
            {"index": "INDEX_KIND_SCALAR_QUANTIZED", "hnsw": {"m": 8, "efSearch": 300}},
            "hnsw",
            {**HNSW, "m": 8, "ef_search": 300, "accurate_ef_search": 300},
        ),
        (
            {"index": "INDEX_KIND_IVF_PQ", "ivfPq": {"probeShare": 0.5}},
            "ivf_pq",
            {"code_bytes": 3, "probe_share": 0.5, "accurate_probe_share": 0.5},
        ),
        (
            {"index": "INDEX_KIND_IVF_PQ", "ivfPq": {"codeBytes": 4}},
            "ivf_pq",
            {"code_bytes": 4, "probe_share": 0.05, "accurate_probe_share": 0.2},
        ),
    ],
)
async def test_kinds_of_index_and_all_their_options_are_told(
    client: Any, settings: dict[str, Any], kind: str, options: dict[str, Any]
) -> None:
    await client.make(dimension=12, **settings)
    seen = (await client.call("collections.GetCollection", {"name": "books"})).collection
    assert collection_pb2.IndexKind.Name(seen.index) == settings["index"]
    assert [field.name for field, _ in seen.ListFields() if field.name in ("hnsw", "ivf_pq")] == [kind]
    assert {field.name: value for field, value in getattr(seen, kind).ListFields()} == options


async def test_duplicates_are_refused(client: Any) -> None:
    await client.make()
    refusal = await client.refusal(
        "collections.CreateCollection", {"collection": {"name": "books", "dimension": 9}}
    )
    assert refusal.code == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("collection", "field"),
    [
        (None, "collection"),
        ({"dimension": 2}, "collection.name"),
        ({"name": "../up", "dimension": 2}, "collection.name"),
        ({"name": "a"}, "collection.dimension"),
        ({"name": "a", "dimension": 8193}, "collection.dimension"),
        ({"name": "a", "dimension": 2, "metric": 77}, "collection.metric"),
        ({"name": "a", "dimension": 2, "index": 77}, "collection.index"),
        ({"name": "a", "dimension": 2, "embeddingModel": "x" * 257}, "collection.embedding_model"),
        ({"name": "a", "dimension": 2, "documentCount": "1"}, "collection.document_count"),
        ({"name": "a", "dimension": 2, "aliases": ["b"]}, "collection.aliases"),
        ({"name": "a", "dimension": 2, "hnsw": {}}, "collection.hnsw"),
        ({"name": "a", "dimension": 2, "index": 3, "hnsw": {}}, "collection.hnsw"),
        ({"name": "a", "dimension": 2, "index": 2, "ivfPq": {}}, "collection.ivf_pq"),
        ({"name": "a", "dimension": 2, "index": 2, "hnsw": {}, "ivfPq": {}}, "collection.ivf_pq"),
        ({"name": "a", "dimension": 2, "index": 2, "hnsw": {"m": 3}}, "collection.hnsw.m"),
        ({"name": "a", "dimension": 2, "index": 4, "hnsw": {"m": 65}}, "collection.hnsw.m"),
        (
            {"name": "a", "dimension": 2, "index": 2, "hnsw": {"efConstruction": 31}},
            "collection.hnsw.ef_construction",
        ),
        (
            {"name": "a", "dimension": 2, "index": 2, "hnsw": {"efConstruction": 1001}},
            "collection.hnsw.ef_construction",
        ),
        ({"name": "a", "dimension": 2, "index": 2, "hnsw": {"efSearch": 0}}, "collection.hnsw.ef_search"),
        ({"name": "a", "dimension": 2, "index": 2, "hnsw": {"efSearch": 4097}}, "collection.hnsw.ef_search"),
        (
            {"name": "a", "dimension": 2, "index": 2, "hnsw": {"efSearch": 80, "accurateEfSearch": 79}},
            "collection.hnsw.accurate_ef_search",
        ),
        (
            {"name": "a", "dimension": 2, "index": 3, "ivfPq": {"codeBytes": 3}},
            "collection.ivf_pq.code_bytes",
        ),
        (
            {"name": "a", "dimension": 2, "index": 3, "ivfPq": {"codeBytes": 0}},
            "collection.ivf_pq.code_bytes",
        ),
        (
            {"name": "a", "dimension": 2, "index": 3, "ivfPq": {"probeShare": 0}},
            "collection.ivf_pq.probe_share",
        ),
        (
            {"name": "a", "dimension": 2, "index": 3, "ivfPq": {"probeShare": "NaN"}},
            "collection.ivf_pq.probe_share",
        ),
        (
            {"name": "a", "dimension": 2, "index": 3, "ivfPq": {"accurateProbeShare": 0.01}},
            "collection.ivf_pq.accurate_probe_share",
        ),
    ],
)
async def test_bad_settings(client: Any, collection: dict[str, Any] | None, field: str) -> None:
    request = {} if collection is None else {"collection": collection}
    refusal = await client.refusal("collections.CreateCollection", request)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


async def test_listing_pages(client: Any) -> None:
    for name in "edcba":
        await client.make(name)
    await client.make("theirs", tenant="other")
    seen, token, pages = [], "", 0
    while True:
        page = await client.call("collections.ListCollections", {"pageSize": 2, "pageToken": token})
        seen += [c.name for c in page.collections]
        pages += 1
        if not (token := page.next_page_token):
            break
    assert (seen, pages) == (list("abcde"), 3)
    assert len((await client.call("collections.ListCollections", {})).collections) == 5


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"pageSize": 0}, "page_size"),
        ({"pageSize": 1001}, "page_size"),
        ({"pageToken": "made up"}, "page_token"),
    ],
)
async def test_bad_pages(client: Any, request_: dict[str, Any], field: str) -> None:
    refusal = await client.refusal("collections.ListCollections", request_)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


async def test_one_tenants_token_is_nothing_to_another(client: Any) -> None:
    for name in "ab":
        await client.make(name)
    page = await client.call("collections.ListCollections", {"pageSize": 1})
    refusal = await client.refusal(
        "collections.ListCollections", {"pageToken": page.next_page_token}, tenant="other"
    )
    assert refusal.field == "page_token"


async def test_aliases_swap_in_one_step(client: Any) -> None:
    await client.make("v1")
    await client.make("v2")
    swap = "collections.SwapAlias"
    first = await client.call(swap, {"alias": "live", "collection": "v1"})
    second = await client.call(swap, {"alias": "live", "collection": "v2"})
    assert (first.previous_collection, second.previous_collection) == ("", "v1")
    seen = (await client.call("collections.GetCollection", {"name": "live"})).collection
    assert (seen.name, list(seen.aliases)) == ("v2", ["live"])
    assert (await client.put({"id": "a"}, collection="live")).versions == [1]
    assert (await client.refusal("collections.DeleteCollection", {"name": "live"})).code == "NOT_FOUND"
    assert (await client.refusal(swap, {"alias": "v1", "collection": "v2"})).field == "alias"
    assert (await client.refusal(swap, {"alias": "x", "collection": "missing"})).code == "NOT_FOUND"
    await client.call("collections.DeleteCollection", {"name": "v2"})
    assert (await client.refusal("collections.GetCollection", {"name": "live"})).code == "NOT_FOUND"


async def test_another_tenants_collection_does_not_exist(client: Any) -> None:
    await client.make(tenant="theirs")
    await client.put({"id": "a", "chunks": [{"text": "x"}]}, tenant="theirs")
    for name, request in {
        "collections.GetCollection": {"name": "books"},
        "collections.DeleteCollection": {"name": "books"},
        "collections.SwapAlias": {"alias": "mine", "collection": "books"},
        "documents.UpsertDocuments": {"collection": "books", "documents": [{"id": "b"}]},
        "documents.GetDocument": {"collection": "books", "id": "a"},
        "documents.ListDocuments": {"collection": "books"},
        "documents.DeleteDocuments": {"collection": "books", "ids": ["a"]},
        "searches.Search": {"collection": "books", "query": {"text": "x"}},
        "searches.BatchSearch": {"collection": "books", "queries": [{"text": "x"}]},
        "admin.Verify": {"collection": "books"},
        "admin.Repair": {"collection": "books"},
    }.items():
        refusal = await client.refusal(name, request)
        assert (refusal.code, name) == ("NOT_FOUND", name)
    await client.make()  # the name is free in a tenant of one's own
    assert (await client.search({"text": "x"})).hits == []
