"""Errors of the services behind RAG, in the terms of RAG's own messages."""

import grpc
import pytest
from quadrille.gateway.v1 import rag_pb2, rag_pb2_grpc
from quadrille.retrieval.v1 import filter_pb2
from quadrille_client import AsyncClient, InvalidArgumentError


async def ingest(doors, files, **start):
    start = rag_pb2.IngestDocumentsStart(**{"collection": "notes", **start})
    requests = [rag_pb2.IngestDocumentsRequest(start=start)]
    requests += [rag_pb2.IngestDocumentsRequest(file=file) for file in files]
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        return [event async for event in rag_pb2_grpc.RagServiceStub(channel).IngestDocuments(iter(requests))]


def note(**fields):
    return rag_pb2.File(**{"id": "a.txt", "data": b"The store keeps its truth in SQLite.", **fields})


async def refused(doors, file, **start):
    events = await ingest(doors, [file, note(id="good.txt")], **start)
    assert [event.WhichOneof("event") for event in events] == ["refused", "stored", "finished"]
    assert (events[-1].finished.stored_count, events[-1].finished.refused_count) == (1, 1)
    return events[0].refused


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": ""}, "file.id"),
        ({"id": "x" * 513}, "file.id"),
        ({"title": "x" * 1025}, "file.title"),
        ({"source_uri": "x" * 2049}, "file.source_uri"),
        ({"readers": [f"group:{number}" for number in range(257)]}, "file.readers"),
        ({"media_type": "image/png"}, "file.media_type"),
        ({"data": b""}, "file.data"),
        ({"metadata": {"number": float("nan")}}, "file.metadata"),
        ({"metadata": {"forbidden": True}}, "file.metadata.forbidden"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_refused_file_names_its_field(doors, fields, field):
    event = await refused(doors, note(**fields))
    assert (event.field, event.reason) == (field, "INVALID_INPUT")


async def test_a_file_of_too_many_chunks_is_refused_before_any_is_embedded(doors):
    event = await refused(doors, note(data=b"word " * 200_000), chunk_size=64, chunk_overlap=0)
    assert event.field == "file.data"
    assert "chunks" in event.description
    assert len(doors.text.calls) == 1  # of the other file


@pytest.mark.parametrize(
    ("start", "field"),
    [
        ({"collection": ""}, "start.collection"),
        ({"collection": "a b"}, "start.collection"),
        ({"chunk_size": 63}, "start.chunk_size"),
        ({"chunk_size": 10**9}, "start.chunk_size"),
        ({"chunk_size": 100, "chunk_overlap": 51}, "start.chunk_overlap"),
        ({"chunk_unit": 2, "chunk_size": 15}, "start.chunk_size"),
        ({"chunk_unit": 3}, "start.chunk_unit"),
    ],
    ids=str,
)
async def test_a_bad_start_ends_the_ingest(doors, start, field):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ingest(doors, [], **start)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details().startswith(f"{field}: ")


async def test_a_lost_service_ends_the_ingest(make_doors):
    doors = await make_doors(text_address="127.0.0.1:1")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ingest(doors, [])
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_service_lost_on_the_way_ends_the_ingest_instead_of_refusing_file_by_file(doors):
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        call = rag_pb2_grpc.RagServiceStub(channel).IngestDocuments()
        await call.write(
            rag_pb2.IngestDocumentsRequest(start=rag_pb2.IngestDocumentsStart(collection="notes"))
        )
        await call.write(rag_pb2.IngestDocumentsRequest(file=note(data=b"vanish")))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_bad_filter_is_named_as_the_asker_knows_it(doors):
    await ingest(doors, [note()])
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        bad = filter_pb2.Filter(condition=filter_pb2.Condition(exists=True))
        call = rag_pb2_grpc.RagServiceStub(channel).Ask(
            rag_pb2.AskRequest(collection="notes", question="store", filter=bad)
        )
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert (await call.details()).startswith("filter.condition.field: ")


async def test_a_long_question_is_searched_by_its_beginning(doors):
    await ingest(doors, [note()])
    async with AsyncClient(doors.grpc) as client:
        answer = await client.ask("notes", "store " + "ä" * 4000)  # the store searches 4 KiB of words at most
        assert answer.citations


async def test_a_question_that_fills_the_context_is_refused(doors):
    await ingest(doors, [note()])
    async with AsyncClient(doors.grpc) as client:
        with pytest.raises(InvalidArgumentError, match="no room"):
            await client.ask("notes", "store " * 600)


async def test_metadata_changes_are_written_though_the_text_is_the_same(doors):
    await ingest(doors, [note(metadata={"year": 2020})])
    same, changed = [
        (await ingest(doors, [note(metadata={"year": year})]))[0].stored.unchanged for year in (2020, 2021)
    ]
    assert (same, changed) == (True, False)


async def test_readers_go_along_and_other_ones_are_written(doors):
    sent = [
        note(readers=readers) for readers in (["group:a", "group:b"], ["group:b", "group:a"], ["group:a"])
    ]
    events = await ingest(doors, sent)
    assert [event.stored.unchanged for event in events[:-1]] == [False, True, False]
    async with AsyncClient(doors.grpc) as client:
        assert list((await client.documents.get("notes", "a.txt")).readers) == ["group:a"]
