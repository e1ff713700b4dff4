import asyncio
import socket
import urllib.request

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from serving.auth import KeyStore
from serving.call import Principal
from serving.channel import open_channel, outgoing_metadata
from serving.delegation import on_behalf
from serving.keys import ApiKey, digest
from serving.server import run
from serving.status import DETAILS_KEY
from serving.testing import running

SERVICE = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def failing(awaitable) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return caught.value


def details(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    return status_pb2.Status.FromString(dict(error.trailing_metadata())[DETAILS_KEY])


async def test_a_call_knows_its_id_tenant_and_deadline(make_server):
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        metadata = (("x-request-id", "abc"), ("quadrille-tenant", "acme"))
        call = stub.Detokenize(text_pb2.DetokenizeRequest(), metadata=metadata, timeout=5)
        assert (await call).text == "abc acme True"
        assert dict(await call.trailing_metadata())["x-request-id"] == "abc"
        fresh = (await stub.Detokenize(text_pb2.DetokenizeRequest(), metadata=outgoing_metadata())).text
        assert len(fresh.split()[0]) == 36
        assert fresh.endswith("default False")


async def test_no_task_waits_for_each_method(make_server):
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        await text_pb2_grpc.TextServiceStub(channel).Detokenize(text_pb2.DetokenizeRequest())
        assert not [task for task in asyncio.all_tasks() if "registered" in repr(task)]


async def test_whoever_has_the_most_groups_may_call(make_server):
    groups = frozenset(chr(0x10348 + number) * 128 for number in range(64))
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        metadata = tuple(on_behalf(Principal("ann", "acme", frozenset({"text"}), groups)).items())
        assert sum(len(value) for _, value in metadata) > 64 * 1024
        stub = text_pb2_grpc.TextServiceStub(channel)
        answer = await stub.Detokenize(text_pb2.DetokenizeRequest(), metadata=metadata)
        assert "acme" in answer.text


async def test_errors_are_rich_and_never_leak(make_server):
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        error = await failing(stub.Tokenize(text_pb2.TokenizeRequest()))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "text: must not be empty" in error.details()
        assert len(details(error).details) == 2
        error = await failing(stub.Rerank(text_pb2.RerankRequest()))
        retry = error_details_pb2.RetryInfo()
        assert any(item.Unpack(retry) for item in details(error).details)
        assert retry.retry_delay.seconds == 3
        error = await failing(stub.Score(text_pb2.ScoreRequest()))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in str(error)
        assert "secret" not in str(details(error))


async def test_a_cancelled_stream_unwinds_at_once(make_server):
    server, servicer = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        call = text_pb2_grpc.TextServiceStub(channel).Generate(text_pb2.GenerateRequest())
        await anext(aiter(call))
        call.cancel()
        await asyncio.wait_for(servicer.closed.wait(), 5)


async def test_a_deadline_ends_a_stream(make_server):
    server, servicer = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        call = text_pb2_grpc.TextServiceStub(channel).Generate(text_pb2.GenerateRequest(), timeout=0.3)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in call:
                pass
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await asyncio.wait_for(servicer.closed.wait(), 5)


async def test_a_stalled_reader_is_left_and_told_why(make_server):
    server, servicer = make_server(reader_stall_s=0.2)
    async with running(server, services=[SERVICE]) as address, grpc.aio.insecure_channel(address) as channel:
        request = text_pb2.GenerateRequest(prompt=text_pb2.Prompt(text="x" * 100_000))
        call = text_pb2_grpc.TextServiceStub(channel).Generate(request)
        await call.read()
        await asyncio.wait_for(servicer.closed.wait(), 20)  # what it asked for ends although it says nothing
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while True:
                await call.read()
        assert caught.value.code() is grpc.StatusCode.ABORTED
        (info,) = details(caught.value).details
        assert b"READER_STALLED" in info.value
    assert counted(server, "ABORTED", "Generate") == 1


async def test_a_stalled_reader_that_never_comes_back_holds_nothing(make_server, monkeypatch):
    monkeypatch.setattr("serving.concerns._PARTING_S", 0.1)
    server, servicer = make_server(reader_stall_s=0.2)
    async with running(server, services=[SERVICE]) as address, grpc.aio.insecure_channel(address) as channel:
        request = text_pb2.GenerateRequest(prompt=text_pb2.Prompt(text="x" * 100_000))
        call = text_pb2_grpc.TextServiceStub(channel).Generate(request)
        await call.read()
        while not counted(server, "ABORTED", "Generate"):
            await asyncio.sleep(0.01)
        assert servicer.closed.is_set()
        call.cancel()


def counted(server, code: str, method: str) -> float | None:
    labels = {"code": code, "method": f"/{SERVICE}/{method}"}
    return server.registry.get_sample_value("quadrille_rpc_handled_total", labels)


async def test_metrics_tell_the_outcomes_apart(make_server):
    server, servicer = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        await stub.Detokenize(text_pb2.DetokenizeRequest())
        await failing(stub.Tokenize(text_pb2.TokenizeRequest()))
        call = stub.Generate(text_pb2.GenerateRequest())
        await anext(aiter(call))
        call.cancel()
        await asyncio.wait_for(servicer.closed.wait(), 5)
        server.start_metrics()
        url = f"http://127.0.0.1:{server.metrics_port}/metrics"
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
        server.stop_metrics()
    assert counted(server, "OK", "Detokenize") == 1
    assert counted(server, "INVALID_ARGUMENT", "Tokenize") == 1
    assert counted(server, "CANCELLED", "Generate") == 1
    assert server.registry.get_sample_value("quadrille_rpc_in_flight") == 0
    assert "quadrille_rpc_duration_seconds_bucket" in page


async def test_keys_and_scopes(make_server):
    keys = [
        ApiKey(name="t", sha256=digest("good"), scopes={"text"}),
        ApiKey(name="i", sha256=digest("images"), scopes={"image"}),
    ]
    server, _ = make_server(keys=KeyStore(keys))
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)

        async def code(token: str | None) -> grpc.StatusCode:
            metadata = () if token is None else (("authorization", f"Bearer {token}"),)
            call = stub.Detokenize(text_pb2.DetokenizeRequest(), metadata=metadata)
            return await call.code()

        assert await code(None) is grpc.StatusCode.UNAUTHENTICATED
        assert await code("' OR '1'='1") is grpc.StatusCode.UNAUTHENTICATED
        assert await code("images") is grpc.StatusCode.PERMISSION_DENIED
        assert await code("good") is grpc.StatusCode.OK
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == SERVING


async def test_drain_finishes_running_calls_and_refuses_new_ones(make_server):
    server, servicer = make_server(drain_grace_s=10)
    await server.start([SERVICE])
    await server.set_serving()
    async with open_channel(f"127.0.0.1:{server.port}") as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        slow = asyncio.ensure_future(_reply(stub.Embed(text_pb2.EmbedRequest())))
        while server.registry.get_sample_value("quadrille_rpc_in_flight") != 1:
            await asyncio.sleep(0.01)
        drain = asyncio.ensure_future(server.drain())
        await asyncio.sleep(0.05)
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == NOT_SERVING
        error = await failing(stub.Detokenize(text_pb2.DetokenizeRequest()))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        servicer.release.set()
        assert isinstance(await slow, text_pb2.EmbedResponse)
        await drain


async def _reply(call):
    return await call


async def test_limits_on_calls_messages_methods_and_compression(make_server):
    server, servicer = make_server(max_concurrent_calls=1, max_message_bytes=2048)
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        slow = asyncio.ensure_future(_reply(stub.Embed(text_pb2.EmbedRequest())))
        while server.registry.get_sample_value("quadrille_rpc_in_flight") != 1:
            await asyncio.sleep(0.01)
        assert (
            await stub.Detokenize(text_pb2.DetokenizeRequest()).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        )
        servicer.release.set()
        await slow
        big = text_pb2.TokenizeRequest(text="x" * 4096)
        assert await stub.Tokenize(big).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        unknown = channel.unary_unary(f"/{SERVICE}/Dance")
        assert await unknown(b"").code() is grpc.StatusCode.UNIMPLEMENTED
        tokenize = text_pb2.TokenizeRequest(text="x" * 1024)
        deflated = stub.Tokenize(tokenize, compression=grpc.Compression.Deflate)
        assert await deflated.code() is grpc.StatusCode.UNIMPLEMENTED
        zipped = stub.Tokenize(tokenize, compression=grpc.Compression.Gzip)
        assert await zipped.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_reflection_lists_the_services(make_server):
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        response = await call.read()
        assert SERVICE in {service.name for service in response.list_services_response.service}
        await call.done_writing()


async def test_a_taken_port_stops_the_start(make_server):
    first, _ = make_server()
    async with running(first, services=[SERVICE]) as address:
        second, _ = make_server(port=int(address.rpartition(":")[2]))
        with pytest.raises(OSError, match="cannot listen"):
            await second.start([SERVICE])
        await second.grpc.stop(0)


async def test_a_taken_metrics_port_stops_the_start(make_server):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        server, _ = make_server(metrics_port=port)
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port} for metrics"):
            await run(server, services=[SERVICE])
    assert server.draining


async def test_old_connections_are_closed_without_a_failed_call(make_server):
    server, _ = make_server(max_connection_age_s=0.1)

    async def peer(request, context):
        return context.peer().encode()

    handler = grpc.unary_unary_rpc_method_handler(peer)
    server.grpc.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("test.Test", {"Peer": handler})]
    )
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        stream = text_pb2_grpc.TextServiceStub(channel).Generate(text_pb2.GenerateRequest())
        await stream.read()
        peers = set()
        while len(peers) < 3:
            peers.add(await channel.unary_unary("/test.Test/Peer")(b""))
        assert await stream.read() is not grpc.aio.EOF  # what runs is not cut
        stream.cancel()
