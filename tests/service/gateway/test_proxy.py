import asyncio

import grpc
import pytest
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from quadrille_client import (
    AsyncClient,
    Document,
    InvalidArgumentError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)
from serving.keys import ApiKey, digest


async def test_unary_calls_and_their_errors_come_through(doors):
    async with AsyncClient(doors.grpc, max_retries=0) as client:
        assert len((await client.embed(["a", "b"])).vectors) == 2
        with pytest.raises(InvalidArgumentError) as caught:
            await client.embed([])
        assert (caught.value.field, caught.value.reason) == ("inputs", "INVALID_INPUT")
        with pytest.raises(OverloadedError) as caught:
            await client.rerank("q", ["d"])
        assert caught.value.retry_after_s == 2.5
        with pytest.raises(NotFoundError):
            await client.chat("hi", model="other")


async def test_models_are_listed_and_found(doors):
    async with AsyncClient(doors.grpc) as client:
        assert [model.id for model in await client.models()] == ["tiny", "hash"]
        assert (await client.model("hash")).embedding_dimension == 32
        with pytest.raises(NotFoundError):
            await client.model("other")
        assert [model.id for model in await client.images.models()] == ["flat"]


async def test_streams_come_through_both_ways(doors):
    async with AsyncClient(doors.grpc) as client:
        assert (await client.chat("hello there")).text == "You said: hello there"
        (image,) = await client.images.generate("red")
        assert image.image.data.startswith(b"\x89PNG")
        documents = [Document(f"d{number}", "text") for number in range(9)]
        acks = [ack async for ack in client.documents.ingest("c", documents)]
        assert [ack.document_id for ack in acks] == [document.id for document in documents]


async def test_request_id_tenant_and_deadline_go_along(doors):
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        metadata = (("x-request-id", "abc"), ("quadrille-tenant", "acme"))
        await stub.Embed(text_pb2.EmbedRequest(inputs=["x"]), metadata=metadata, timeout=9)
    (call,) = doors.text.calls
    assert (call.request_id, call.principal.tenant) == ("abc", "acme")
    assert 0 < call.time_left() < 10


async def test_they_go_along_with_what_rag_asks(doors, tmp_path):
    (tmp_path / "note.txt").write_text("Cats purr.")
    async with AsyncClient(doors.grpc, timeout=9) as client:
        async for _ in client.ingest("notes", [tmp_path]):
            pass
        doors.text.calls.clear()
        events = [event async for event in client.stream_ask("notes", "Do cats purr?")]
    (call,) = doors.text.calls
    assert 0 < call.time_left() < 10
    assert call.request_id == events[0].request_id


async def test_a_cancelled_call_is_cancelled_behind_the_gateway(doors):
    async with AsyncClient(doors.grpc) as client:
        async with client.stream_generate("forever") as stream:
            await anext(aiter(stream))
        await asyncio.wait_for(doors.text.cancelled.wait(), 5)


async def test_a_lost_backend_is_unavailable_by_name(make_doors):
    doors = await make_doors(text_address="127.0.0.1:1")
    async with AsyncClient(doors.grpc, max_retries=0) as client:
        with pytest.raises(UnavailableError, match=r"quadrille\.text\.v1\.TextService") as caught:
            await client.embed("x")
        assert caught.value.retry_after_s is not None
        assert not await client.is_serving()
        assert not await client.is_serving("quadrille.text.v1.TextService")
        assert await client.is_serving("quadrille.image.v1.ImageService")


async def test_malformed_bytes_and_unknown_methods(doors):
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        embed = channel.unary_unary("/quadrille.text.v1.TextService/Embed")
        assert await embed(b"\xff\xff\xff").code() is grpc.StatusCode.INVALID_ARGUMENT
        dance = channel.unary_unary("/quadrille.text.v1.TextService/Dance")
        assert await dance(b"").code() is grpc.StatusCode.UNIMPLEMENTED


async def test_keys_and_scopes_hold_at_the_door(make_doors, tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(f'[[keys]]\nname = "t"\nsha256 = "{digest("good")}"\nscopes = ["text"]\n')
    assert ApiKey(name="t", sha256=digest("good")).tenant == "default"
    doors = await make_doors(api_keys_file=path)
    async with grpc.aio.insecure_channel(doors.grpc) as channel:

        async def code(method, token):
            metadata = () if token is None else (("authorization", f"Bearer {token}"),)
            return await channel.unary_unary(method)(b"", metadata=metadata).code()

        listing = "/quadrille.text.v1.TextService/ListModels"
        assert await code(listing, None) is grpc.StatusCode.UNAUTHENTICATED
        assert await code(listing, "' OR 1=1 --") is grpc.StatusCode.UNAUTHENTICATED
        assert await code(listing, "good") is grpc.StatusCode.OK
        for admin in (
            "/quadrille.retrieval.v1.AdminService/Stats",
            "/quadrille.text.v1.AdapterService/LoadLora",
            "/quadrille.image.v1.AdapterService/LoadLora",
        ):
            assert await code(admin, "good") is grpc.StatusCode.PERMISSION_DENIED
