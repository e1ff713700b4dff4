"""Vectors are made once for a tenant, whichever way they are asked for."""

import grpc
import httpx
import pytest
from quadrille.text.v1 import text_pb2, text_pb2_grpc


@pytest.fixture
async def stub(doors):
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        yield text_pb2_grpc.TextServiceStub(channel)


def request(*inputs, **more):
    return text_pb2.EmbedRequest(inputs=inputs, **more)


async def test_both_doors_share_what_was_made(doors, stub, plain):
    first = await stub.Embed(request("a", "b"))
    assert (first.usage.prompt_token_count, first.usage.cached_prompt_token_count) == (2, 0)
    again = await stub.Embed(request("b", "c"))
    assert again.embeddings[0] == first.embeddings[1]
    assert (again.usage.prompt_token_count, again.usage.cached_prompt_token_count) == (2, 1)
    assert (again.model, again.model_stamp) == (first.model, first.model_stamp)
    body = {"model": "hash", "input": ["a", "b"]}
    answer = (await plain.post("/v1/embeddings", json=body)).json()
    assert answer["data"][0]["embedding"] == pytest.approx(list(first.embeddings[0].values))
    assert answer["usage"]["prompt_tokens"] == 2
    assert doors.text.embedded == ["a", "b", "c"]
    page = (await plain.get("/metrics")).text
    assert 'quadrille_gateway_embedding_cache_lookups_total{outcome="hit"} 3.0' in page


async def test_options_are_told_apart_over_grpc(doors, stub):
    for more in ({}, {"normalize": True}, {"normalize": False}, {"truncate": True}, {"model": "hash"}):
        await stub.Embed(request("a", **more))
    assert len(doors.text.embedded) == 3


async def test_errors_are_the_services_own(doors, stub):
    await stub.Embed(request("a"))
    for wrong, code in (
        (request(), grpc.StatusCode.INVALID_ARGUMENT),
        (request("a", "vanish"), grpc.StatusCode.UNAVAILABLE),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Embed(wrong)
        assert caught.value.code() is code
    with pytest.raises(
        grpc.aio.AioRpcError, match=r"inputs\[2\]"
    ):  # by its place in the request, not in what is missing
        await stub.Embed(request("a", "b", ""))


async def test_it_can_be_turned_off(make_doors):
    doors = await make_doors(embedding_cache_bytes=0)
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        for _ in range(2):
            assert (
                await plain.post("/v1/embeddings", json={"model": "hash", "input": "a"})
            ).status_code == 200
    assert doors.text.embedded == ["a", "a"]
