import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from quadrille.retrieval.v1 import document_pb2
from quadrille.retrieval.v1.document_pb2 import IngestRequest, IngestResponse


def item(sequence: int, document_id: str | None = None, vector: tuple[float, ...] = (1, 2)) -> IngestRequest:
    name = f"d{sequence}" if document_id is None else document_id
    document = document_pb2.Document(
        id=name, chunks=[document_pb2.Chunk(text=f"word{sequence}", vector=vector)]
    )
    return IngestRequest(document=document_pb2.IngestDocument(sequence=sequence, document=document))


@pytest.fixture(autouse=True)
async def books(client: Any) -> None:
    await client.make()


class Stream:
    """A client that keeps to its credits unless told to force a document through."""

    def __init__(self, client: Any, start: IngestRequest) -> None:
        self.call = client.documents.Ingest(timeout=30)
        self.start = start
        self.credits = 0
        self.acks: list[document_pb2.IngestAck] = []
        self.errors: list[document_pb2.IngestError] = []

    async def open(self) -> "Stream":
        await self.call.write(self.start)
        await self.read()
        return self

    async def read(self) -> IngestResponse:
        response: IngestResponse = await self.call.read()
        self.credits += response.credits.count
        if response.WhichOneof("event") == "ack":
            self.acks.append(response.ack)
        if response.WhichOneof("event") == "error":
            self.errors.append(response.error)
        return response

    async def send(self, request: IngestRequest, *, force: bool = False) -> None:
        while not self.credits and not force:
            await self.read()
        self.credits -= 1
        await self.call.write(request)

    async def finish(self) -> document_pb2.IngestFinished:
        await self.call.done_writing()
        while True:
            response = await self.read()
            if response.WhichOneof("event") == "finished":
                assert await self.call.read() is grpc.aio.EOF
                return response.finished


async def test_every_document_is_acknowledged(client: Any, start: IngestRequest) -> None:
    stream = await Stream(client, start).open()
    assert stream.credits == client.window
    for i in range(50):
        await stream.send(item(i))
    finished = await stream.finish()
    assert (finished.accepted_count, finished.rejected_count) == (50, 0)
    assert sorted(ack.sequence for ack in stream.acks) == list(range(50))
    assert len({ack.lsn for ack in stream.acks}) == 50
    assert finished.last_lsn == max(ack.lsn for ack in stream.acks)
    assert {(ack.document_id, ack.version) for ack in stream.acks} == {(f"d{i}", 1) for i in range(50)}
    response = await client.search({"text": "word17"}, minLsn=str(finished.last_lsn))
    assert [hit.chunk_id for hit in response.hits] == ["d17#0"]
    accepted = {"outcome": "accepted"}
    assert client.registry.get_sample_value("quadrille_retrieval_ingest_documents_total", accepted) == 50


async def test_a_bad_document_fails_alone(client: Any, start: IngestRequest) -> None:
    stream = await Stream(client, start).open()
    await stream.send(item(1))
    await stream.send(item(2, vector=(1, 2, 3)))
    await stream.send(item(3, document_id=""))
    await stream.send(IngestRequest(document=document_pb2.IngestDocument(sequence=4)))
    await stream.send(item(5, vector=(1.0,) * 8193))
    await stream.send(item(6))
    finished = await stream.finish()
    assert (finished.accepted_count, finished.rejected_count) == (2, 4)
    errors = {error.sequence: (error.document_id, error.reason, error.field) for error in stream.errors}
    assert errors == {
        2: ("d2", "INVALID_INPUT", "document.chunks[0].vector"),
        3: ("", "INVALID_INPUT", "document.id"),
        4: ("", "INVALID_INPUT", "document"),
        5: ("d5", "INVALID_INPUT", "document.chunks[0].vector"),
    }
    assert all(error.description for error in stream.errors)


async def test_documents_beyond_the_credits_are_refused(client: Any, start: IngestRequest) -> None:
    stream = await Stream(client, start).open()
    release = asyncio.Event()
    write = client.engine.write

    async def held(*arguments: Any) -> Any:
        await release.wait()
        return await write(*arguments)

    client.engine.write = held  # the store is slow: nothing is acknowledged yet
    for i in range(client.window + 2):
        await stream.send(item(i), force=True)
    for _ in range(2):
        await stream.read()
    assert [error.sequence for error in stream.errors] == [client.window, client.window + 1]
    assert {error.field for error in stream.errors} == {"document"}
    release.set()
    finished = await stream.finish()
    assert (finished.accepted_count, finished.rejected_count) == (client.window, 2)


async def test_a_sequence_in_flight_is_not_taken_twice(client: Any, start: IngestRequest) -> None:
    stream = await Stream(client, start).open()
    release, write = asyncio.Event(), client.engine.write

    async def held(*arguments: Any) -> Any:
        await release.wait()
        return await write(*arguments)

    client.engine.write = held
    await stream.send(item(7))
    await stream.send(item(7, "other"))
    await stream.read()
    assert [(e.document_id, e.field) for e in stream.errors] == [("other", "sequence")]
    release.set()
    while not stream.acks:
        await stream.read()
    await stream.send(item(7, "third"))  # the first is no longer in flight
    assert (await stream.finish()).accepted_count == 2


async def test_an_empty_ingest_finishes(client: Any, start: IngestRequest) -> None:
    finished = await (await Stream(client, start).open()).finish()
    assert finished == document_pb2.IngestFinished()


async def test_a_collection_deleted_meanwhile_refuses_each(client: Any, start: IngestRequest) -> None:
    stream = await Stream(client, start).open()
    await client.call("collections.DeleteCollection", {"name": "books"})
    await stream.send(item(1))
    assert (await stream.finish()).rejected_count == 1
    assert stream.errors[0].reason == "NOT_FOUND"


@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        ([], "INVALID_ARGUMENT", "start"),
        ([item(1)], "INVALID_ARGUMENT", "start"),
        ([IngestRequest()], "INVALID_ARGUMENT", "start"),
        ([IngestRequest(start={})], "INVALID_ARGUMENT", "start.collection"),
        ([IngestRequest(start={"collection": "zz"})], "NOT_FOUND", ""),
        ([IngestRequest(start={"collection": "books"})] * 2, "INVALID_ARGUMENT", "document"),
        ([IngestRequest(start={"collection": "books", "embedding_model": "x" * 257})], "INVALID_ARGUMENT",
         "start.embedding_model"),
    ],
)  # fmt: skip
async def test_streams_that_begin_or_go_on_wrongly(
    client: Any, refused: Callable[..., Any], sent: list[IngestRequest], code: str, field: str
) -> None:
    async def requests() -> AsyncIterator[IngestRequest]:
        for request in sent:
            yield request

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in client.documents.Ingest(requests(), timeout=30):
            pass
    refusal = refused(caught.value)
    assert (refusal.code, refusal.field) == (code, field)


async def test_a_wrong_stamp_ends_the_stream(client: Any, refused: Callable[..., Any]) -> None:
    await client.make("stamped", embeddingModel="m1")

    async def requests() -> AsyncIterator[IngestRequest]:
        yield IngestRequest(start={"collection": "stamped", "embedding_model": "m2"})

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in client.documents.Ingest(requests(), timeout=30):
            pass
    assert refused(caught.value).reason == "EMBEDDING_MODEL_MISMATCH"


async def test_a_cancelled_ingest_keeps_what_was_acknowledged(client: Any, start: IngestRequest) -> None:
    stream = await Stream(client, start).open()
    for i in range(10):
        await stream.send(item(i))
    while not stream.acks:
        await stream.read()
    stream.call.cancel()
    listed = await client.call("documents.ListDocuments", {"collection": "books"})
    assert {ack.document_id for ack in stream.acks} <= {document.id for document in listed.documents}
    finished = await (await Stream(client, start).open()).finish()  # the service goes on
    assert finished.accepted_count == 0
    assert (await client.call("admin.Verify", {})).consistent


async def test_streams_side_by_side_share_commits(client: Any, start: IngestRequest) -> None:
    async def one(base: int) -> int:
        stream = await Stream(client, start).open()
        for i in range(base, base + 30):
            await stream.send(item(i))
        return (await stream.finish()).accepted_count

    assert sum(await asyncio.gather(*(one(100 * n) for n in range(6)))) == 180
    batch = "quadrille_retrieval_commit_batch_size"
    writes = client.registry.get_sample_value(f"{batch}_sum")
    assert writes == 181
    assert client.registry.get_sample_value(f"{batch}_count") < writes
    assert (await client.call("admin.Verify", {})).consistent
