"""Vector stores through OpenAI's own client: tiny embeddings, the true store."""

import asyncio

import httpx
import openai
import pytest
from gateway.files.ids import VECTOR_STORE, new_id
from quadrille_client import AsyncClient

TIDES = b"# Tides\n\nEbb and flow follow the moon.\n\n# Baking\n\nBread wants a hot oven."
TRAINS = b"Trains leave at noon."


async def upload(client, name="tides.md", data=TIDES):
    return await client.files.create(file=(name, data), purpose="assistants")


async def attached(client, store, file, **more):
    return await client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id, **more)


async def test_a_store_is_made_described_changed_and_deleted(client):
    made = await client.vector_stores.create(name="notes", metadata={"team": "a"}, description="Of all kinds")
    assert (made.name, made.metadata, made.status) == ("notes", {"team": "a"}, "completed")
    assert made.model_extra["description"] == "Of all kinds"
    assert await client.vector_stores.retrieve(made.id) == made
    changed = await client.vector_stores.update(made.id, name="books")
    assert (changed.name, changed.metadata) == ("books", {"team": "a"})
    assert (await client.vector_stores.update(made.id, metadata=None)).metadata == {}
    assert (await client.vector_stores.delete(made.id)).deleted
    for call in (client.vector_stores.retrieve, client.vector_stores.delete):
        with pytest.raises(openai.NotFoundError):
            await call(made.id)
    with pytest.raises(openai.NotFoundError, match="vector store"):
        await client.vector_stores.update(made.id, name="x")


async def test_stores_are_listed_in_both_directions(client):
    made = [await client.vector_stores.create(name=str(n)) for n in range(5)]
    names = ["4", "3", "2", "1", "0"]
    assert [store.name async for store in client.vector_stores.list(limit=2)] == names
    assert [store.name async for store in client.vector_stores.list(limit=2, order="asc")] == names[::-1]
    page = await client.vector_stores.list(before=made[1].id, limit=2)
    assert ([store.name for store in page.data], page.has_more) == (["3", "2"], True)


async def test_a_store_that_is_only_half_made_keeps_no_other_from_being_listed(client, services):
    store = await client.vector_stores.create(name="whole")
    async with AsyncClient(services.addresses["retrieval_address"]) as retrieval:
        await retrieval.collections.create(new_id(VECTOR_STORE), 32)
    assert [item.id async for item in client.vector_stores.list()] == [store.id]


async def test_attached_files_are_found_with_their_attributes(client):
    store = await client.vector_stores.create(name="notes")
    tides, trains = await upload(client), await upload(client, "trains.txt", TRAINS)
    done = await attached(client, store, tides, attributes={"year": 2024, "kind": "sea", "old": True})
    assert (done.status, done.attributes) == ("completed", {"year": 2024, "kind": "sea", "old": True})
    assert (done.usage_bytes, done.last_error) == (len(TIDES), None)
    await attached(client, store, trains, attributes={"year": 2025})
    now = await client.vector_stores.retrieve(store.id)
    assert (now.file_counts.completed, now.usage_bytes) == (2, len(TIDES) + len(TRAINS))
    (best, *_) = (await client.vector_stores.search(store.id, query="What follows the moon?")).data
    assert (best.file_id, best.filename) == (tides.id, "tides.md")
    assert "moon" in best.content[0].text
    assert 0 < best.score <= 1
    assert best.attributes == {"year": 2024, "kind": "sea", "old": True}
    (content,) = (await client.vector_stores.files.content(tides.id, vector_store_id=store.id)).data
    assert content.text == TIDES.decode()


async def test_searches_are_ranked_limited_and_filtered(client):
    store = await client.vector_stores.create(name="notes")
    for year, season in ((2023, b"winter"), (2024, b"spring"), (2025, b"autumn")):
        file = await upload(client, f"{year}.txt", b"The moon in " + season)
        await attached(client, store, file, attributes={"year": year, "even": year % 2 == 0})

    async def years(**options):
        answer = await client.vector_stores.search(store.id, **{"query": "moon", **options})
        return sorted(int(item.attributes["year"]) for item in answer.data)

    def where(key, kind, value):
        return {"type": kind, "key": key, "value": value}

    assert await years() == [2023, 2024, 2025]
    assert len(await years(max_num_results=2)) == 2
    for filters, expected in (
        (where("year", "eq", 2024), [2024]),
        (where("year", "ne", 2024), [2023, 2025]),
        (where("year", "gte", 2024), [2024, 2025]),
        (where("year", "lt", 2024), [2023]),
        (where("year", "in", [2023, 2025]), [2023, 2025]),
        (where("year", "nin", [2023, 2025]), [2024]),
        (where("even", "eq", True), [2024]),
        ({"type": "and", "filters": [where("year", "gt", 2023), where("even", "ne", True)]}, [2025]),
        ({"type": "or", "filters": [where("year", "eq", 2023), where("even", "eq", True)]}, [2023, 2024]),
    ):
        assert await years(filters=filters) == expected
    by_vector = {"ranker": "none", "score_threshold": 0.9999}
    assert await years(query="The moon in spring", ranking_options=by_vector) == [2024]
    many = await client.vector_stores.search(
        store.id, query=["moon", "moon spring"], ranking_options={"ranker": "auto"}
    )
    assert len(many.data) == 3
    assert many.data[0].attributes["year"] == 2024
    scores = [item.score for item in many.data]
    assert scores == sorted(scores, reverse=True)


async def test_batches_tell_how_far_they_are_and_what_failed(client):
    store = await client.vector_stores.create(name="notes")
    good, bad = await upload(client), await upload(client, "film.mp4", b"\0\1")
    broken = await upload(client, "broken.txt", b"\xff\xfe")
    batch = await client.vector_stores.file_batches.create_and_poll(
        store.id,
        files=[
            {"file_id": good.id, "attributes": {"n": 1}},
            {"file_id": bad.id},
            {"file_id": broken.id},
        ],
    )
    assert (batch.status, batch.file_counts.completed, batch.file_counts.failed) == ("completed", 1, 2)
    listed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, filter="failed")
    errors = {item.id: item.last_error.code async for item in listed}
    assert errors == {bad.id: "unsupported_file", broken.id: "invalid_file"}
    failed = [item.id async for item in client.vector_stores.files.list(store.id, filter="failed", limit=1)]
    assert set(failed) == {bad.id, broken.id}
    # A batch that is done cannot be cancelled any more.
    same = await client.vector_stores.file_batches.cancel(batch.id, vector_store_id=store.id)
    assert same.status == "completed"
    uploaded = await client.vector_stores.file_batches.upload_and_poll(
        store.id, files=[("a.txt", b"one"), ("b.txt", b"two")]
    )
    assert uploaded.file_counts.completed == 2


async def test_a_store_may_be_made_with_files_and_sizes_of_chunks(client):
    words = await upload(client, "words.txt", b"ab " * 400)
    sizes = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    store = await client.vector_stores.create(name="w", file_ids=[words.id], chunking_strategy=sizes)
    async with asyncio.timeout(30):
        while (await client.vector_stores.retrieve(store.id)).status != "completed":
            await asyncio.sleep(0.05)
    file = await client.vector_stores.files.retrieve(words.id, vector_store_id=store.id)
    assert file.chunking_strategy.static.max_chunk_size_tokens == 100
    found = await client.vector_stores.search(store.id, query="ab", max_num_results=50)
    assert len(found.data) == 8  # of 800 tokens
    with pytest.raises(openai.NotFoundError):
        await client.vector_stores.create(name="w", file_ids=["file-none"])
    assert len((await client.vector_stores.list()).data) == 1


async def test_attributes_change_without_new_vectors_and_files_are_taken_away(client, services):
    store, file = await client.vector_stores.create(name="notes"), await upload(client)
    await attached(client, store, file, attributes={"a": 1})
    changed = await client.vector_stores.files.update(
        file.id, vector_store_id=store.id, attributes={"b": "x"}
    )
    assert changed.attributes == {"b": "x"}
    hits = (await client.vector_stores.search(store.id, query="moon")).data
    assert [hit.attributes for hit in hits] == [{"b": "x"}] * len(hits) != []
    assert (await client.vector_stores.files.delete(file.id, vector_store_id=store.id)).deleted
    assert (await client.vector_stores.search(store.id, query="moon")).data == []
    for call in (client.vector_stores.files.retrieve, client.vector_stores.files.delete):
        with pytest.raises(openai.NotFoundError):
            await call(file.id, vector_store_id=store.id)
    assert (await client.files.retrieve(file.id)).id == file.id


async def test_deleting_a_file_takes_it_out_of_all_stores(client):
    file = await upload(client)
    stores = [await client.vector_stores.create(name=str(n)) for n in range(2)]
    for store in stores:
        await attached(client, store, file)
    await client.files.delete(file.id)
    for store in stores:
        assert (await client.vector_stores.retrieve(store.id)).file_counts.total == 0
        assert (await client.vector_stores.search(store.id, query="moon")).data == []


async def test_a_store_is_a_collection_of_the_store_behind(client, services):
    store, file = await client.vector_stores.create(name="notes"), await upload(client)
    await attached(client, store, file, attributes={"kind": "sea"})
    async with AsyncClient(services.addresses["retrieval_address"]) as retrieval:
        hits = (await retrieval.search(store.id, "moon", mode="lexical")).hits
        assert hits[0].document_id == file.id
        assert hits[0].metadata["kind"] == "sea"


BAD = [
    (
        "vector_stores",
        {"name": "x", "expires_after": {"anchor": "last_active_at", "days": 1}},
        "expires_after",
    ),
    ("vector_stores", {"metadata": {"k": 1}}, "metadata.k"),
    ("vector_stores", {"metadata": {str(n): "" for n in range(17)}}, "metadata"),
    ("vector_stores/{}/search", {"query": ""}, "query"),
    ("vector_stores/{}/search", {"query": "x", "max_num_results": 51}, "max_num_results"),
    ("vector_stores/{}/search", {"query": "x", "rewrite_query": True}, "rewrite_query"),
    (
        "vector_stores/{}/search",
        {"query": "x", "filters": {"type": "gt", "key": "a", "value": "b"}},
        "filters.value",
    ),
    (
        "vector_stores/{}/search",
        {"query": "x", "filters": {"type": "in", "key": "a", "value": 1}},
        "filters.value",
    ),
    ("vector_stores/{}/search", {"query": "x", "filters": {"type": "eq", "key": "a b", "value": 1}}, None),
    ("vector_stores/{}/file_batches", {}, "file_ids"),
    ("vector_stores/{}/file_batches", {"file_ids": []}, "file_ids"),
    ("vector_stores/{}/file_batches", {"file_ids": ["a", "a"]}, "file_ids"),
    ("vector_stores/{}/files", {"file_id": "x", "attributes": {"vector_store_file": 1}}, None),
    ("vector_stores/{}/files", {"file_id": "x", "attributes": {"a.b": 1}}, None),
    (
        "vector_stores/{}/files",
        {
            "file_id": "x",
            "chunking_strategy": {
                "type": "static",
                "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51},
            },
        },
        "chunking_strategy.static.chunk_overlap_tokens",
    ),
]


async def test_bad_bodies_are_refused_by_name(client):
    store = await client.vector_stores.create(name="x")
    async with httpx.AsyncClient(base_url=str(client.base_url)) as plain:
        for path, body, param in BAD:
            answer = await plain.post(path.format(store.id), json=body)
            assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error"), (
                body
            )
            if param:
                assert answer.json()["error"]["param"] == param
        deep = {"type": "eq", "key": "a", "value": 1}
        for _ in range(12):
            deep = {"type": "and", "filters": [deep]}
        answer = await plain.post(f"vector_stores/{store.id}/search", json={"query": "x", "filters": deep})
        assert (answer.status_code, answer.json()["error"]["param"][:7]) == (400, "filters")
        assert (await plain.get("vector_stores/openai-files")).status_code == 404
        answer = await plain.put(f"vector_stores/{store.id}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, POST")
        answer = await plain.get(f"vector_stores/{store.id}/files?limit=101")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")
