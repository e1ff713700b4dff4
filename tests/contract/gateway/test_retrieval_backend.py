"""What every RetrievalBackend promises, held against the adapter over gRPC and the store that it is of."""

import hashlib
from dataclasses import replace

import pytest
from gateway.adapters.retrieval import GrpcRetrievalBackend
from gateway.domain.filters import All, Any, AnyOf, Equals, Exists, Not, Within
from gateway.domain.retrieval import Chunk, Collection, NewDocument, SearchMode, SearchRequest
from prometheus_client import CollectorRegistry
from retrieval.__main__ import build_engine
from retrieval.config import RetrievalSettings
from retrieval.servicers import SERVICES, register
from serving.channel import open_channel
from serving.errors import AlreadyExists, InvalidInput, NotFound, VersionConflict
from serving.server import GrpcServer
from serving.testing import running

NOTES = Collection("notes", 2, "m@1")
TEXT = "Größe zählt. Ebb and flow."
CHUNKS = (Chunk("Größe zählt.", 0, 15), Chunk("Ebb and flow.", 16, 29))
DOCUMENT = NewDocument(
    "a.md", "A", "file:a", TEXT, {"n": 1.0}, CHUNKS, ((0.0, 1.0), (1.0, 0.0)), ("group:staff",)
)


@pytest.fixture
async def backend(tmp_path):
    settings = RetrievalSettings(port=0, metrics_port=0, data_dir=tmp_path)
    engine = build_engine(settings, CollectorRegistry())
    server = GrpcServer(settings, registry=CollectorRegistry())
    register(server.grpc, engine, settings.ingest_window)
    await engine.start()
    async with running(server, services=SERVICES) as address, open_channel(address) as channel:
        yield GrpcRetrievalBackend(channel)
    await engine.stop()


async def test_a_collection_is_made_once(backend):
    with pytest.raises(NotFound):
        await backend.get_collection("notes")
    await backend.create_collection(NOTES)
    assert await backend.get_collection("notes") == NOTES
    with pytest.raises(AlreadyExists):
        await backend.create_collection(NOTES)


async def test_collections_are_listed_by_name_and_deleted_whole(backend):
    for name in ("notes", "books"):
        await backend.create_collection(replace(NOTES, name=name))
    assert [collection.name for collection in await backend.list_collections()] == ["books", "notes"]
    await backend.delete_collection("books")
    assert [collection.name for collection in await backend.list_collections()] == ["notes"]
    with pytest.raises(NotFound):
        await backend.delete_collection("books")


async def test_documents_are_written_together_listed_by_filter_and_deleted(backend):
    await backend.create_collection(NOTES)
    many = [
        NewDocument(f"{place:04}", "", "", "", {"n": place, "odd": place % 2 == 1}) for place in range(1003)
    ]
    for documents in (many[:1000], many[1000:]):
        lsn = await backend.upsert_documents("notes", documents)
    found = [document async for document in backend.list_documents("notes")]
    assert [document.id for document in found] == [document.id for document in many]
    assert (found[-1].lsn, found[-1].version, found[-1].metadata["n"]) == (lsn, 1, 1002)
    conditions = {
        Equals("odd", True): 501,
        AnyOf("n", (1.0, 2.0, 5000.0)): 2,
        Within("n", gte=1000, lt=1002): 2,
        Exists("m"): 0,
        Not(Exists("n")): 0,
        All((Equals("odd", False), Within("n", gt=0, lte=4))): 2,
        Any((Equals("n", 7.0), Equals("n", 8.0))): 2,
    }
    for condition, count in conditions.items():
        assert len([item async for item in backend.list_documents("notes", condition)]) == count
    assert await backend.delete_documents("notes", ["0000", "0001", "none"]) == 2
    assert len([item async for item in backend.list_documents("notes")]) == 1001


async def test_a_write_may_expect_a_version(backend):
    await backend.create_collection(NOTES)
    await backend.upsert_document("notes", DOCUMENT, "m@1", expected_version=0)
    with pytest.raises(VersionConflict):
        await backend.upsert_document("notes", DOCUMENT, "m@1", expected_version=0)
    await backend.upsert_document("notes", DOCUMENT, "m@1", expected_version=1)
    stored = await backend.get_document("notes", "a.md")
    assert (stored.version, stored.text) == (2, TEXT)


async def test_searches_take_filters_of_the_gateway(backend):
    await backend.create_collection(NOTES)
    await backend.upsert_document("notes", DOCUMENT, "m@1")
    search = SearchRequest("notes", SearchMode.LEXICAL, "ebb", 2)
    assert len(await backend.search(replace(search, filter=Equals("n", 1.0)))) == 1
    assert len(await backend.search(replace(search, filter=Not(Equals("n", 1.0))))) == 0


async def test_collections_are_listed_by_name_with_what_they_hold(backend):
    assert list(await backend.list_collections()) == []
    for name in ("notes", "letters"):
        await backend.create_collection(Collection(name, 2, "m@1"))
    await backend.upsert_document("notes", DOCUMENT, "m@1")
    listed = [(item.name, item.document_count, item.chunk_count) for item in await backend.list_collections()]
    assert listed == [("letters", 0, 0), ("notes", 1, 2)]


async def test_a_document_is_given_back_as_it_was_written(backend):
    await backend.create_collection(NOTES)
    with pytest.raises(NotFound):
        await backend.get_document("notes", "a.md")
    assert await backend.chunk_vectors("notes", "a.md") == {}
    lsn = await backend.upsert_document("notes", DOCUMENT, "m@1")
    stored = await backend.get_document("notes", "a.md")
    assert (stored.title, stored.source_uri, stored.metadata) == ("A", "file:a", {"n": 1.0})
    assert stored.content_sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert (stored.spans, stored.readers, stored.lsn) == (((0, 15), (16, 29)), ("group:staff",), lsn)
    vectors = await backend.chunk_vectors("notes", "a.md")
    assert vectors == dict(zip((chunk.text for chunk in CHUNKS), DOCUMENT.vectors, strict=True))


async def test_hits_come_best_first(backend):
    await backend.create_collection(NOTES)
    lsn = await backend.upsert_document("notes", DOCUMENT, "m@1")
    near = SearchRequest("notes", SearchMode.DENSE, "", 2, (1.0, 0.1), "m@1", min_lsn=lsn)
    assert [hit.text for hit in await backend.search(near)] == ["Ebb and flow.", "Größe zählt."]
    (hit,) = await backend.search(SearchRequest("notes", SearchMode.LEXICAL, "ebb", 2))
    assert (hit.chunk_id, hit.document_id, hit.start_byte, hit.end_byte) == ("a.md#1", "a.md", 16, 29)
    with pytest.raises(NotFound):
        await backend.search(SearchRequest("none", SearchMode.LEXICAL, "ebb", 2))


async def test_documents_are_paged_with_their_sizes(backend):
    await backend.create_collection(NOTES)
    with pytest.raises(NotFound):
        await backend.page_of_documents("none", 2)
    await backend.upsert_documents("notes", [DOCUMENT, *(NewDocument(id, "", "", "é", {}) for id in "bcd")])
    first = await backend.page_of_documents("notes", 2)
    sizes = [(item.id, item.title, item.chunk_count, item.text_bytes) for item in first.documents]
    assert sizes == [("a.md", "A", 2, len(TEXT.encode())), ("b", "", 0, 2)]
    second = await backend.page_of_documents("notes", 2, first.next_token)
    assert ([item.id for item in second.documents], second.next_token) == (["c", "d"], "")
    with pytest.raises(InvalidInput):
        await backend.page_of_documents("notes", 2, "made up")
