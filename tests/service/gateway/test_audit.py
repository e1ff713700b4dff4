"""What the audit log says of calls over both doors."""

import asyncio
import json

import grpc
import httpx
import pytest
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from serving.auth import digest

SECRET = "a secret that nobody else may read"
SPENT = 7 + len(f"You said: {SECRET}".split())  # of the prompt, and of the answer
CHAT = {"messages": [{"role": "user", "content": SECRET}]}


@pytest.fixture
async def noted(make_doors, tmp_path):
    """A door with a key, and what it has noted."""
    keys, path = tmp_path / "keys.toml", tmp_path / "audit.jsonl"
    keys.write_text(
        f'[[keys]]\nname = "alice"\nsha256 = "{digest("good")}"\ntenant = "acme"\nscopes = ["text"]\n'
    )
    doors = await make_doors(api_keys_file=keys, audit_file=path)

    async def entries(count):
        while path.read_bytes().count(b"\n") < count:
            await asyncio.sleep(0.01)
        assert SECRET not in path.read_text()
        return [json.loads(line) for line in path.read_text().splitlines()]

    return doors, entries


def facts(entry):
    return entry["method"], entry["principal"], entry["tenant"], entry["outcome"]


async def test_calls_over_grpc(noted):
    doors, entries = noted
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        metadata = (("authorization", "Bearer good"), ("x-request-id", "r-1"))
        chat = text_pb2.ChatRequest(messages=[{"role": "ROLE_USER", "content": SECRET}])
        assert [event async for event in stub.Chat(chat, metadata=metadata)]
        for request, given in (
            (text_pb2.EmbedRequest(), metadata),
            (text_pb2.EmbedRequest(inputs=["x"]), ()),
        ):
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.Embed(request, metadata=given)
        models = channel.unary_unary("/quadrille.image.v1.ImageService/ListModels")
        assert await models(b"", metadata=metadata).code() is grpc.StatusCode.PERMISSION_DENIED
    service = "/quadrille.text.v1.TextService"
    noted_entries = await entries(4)
    assert [facts(entry) for entry in noted_entries] == [
        (f"{service}/Chat", "alice", "acme", "OK"),
        (f"{service}/Embed", "alice", "acme", "INVALID_ARGUMENT"),
        (f"{service}/Embed", None, None, "UNAUTHENTICATED"),
        ("/quadrille.image.v1.ImageService/ListModels", "alice", "acme", "PERMISSION_DENIED"),
    ]
    assert noted_entries[0]["request_id"] == "r-1"
    assert [entry["tokens"] for entry in noted_entries] == [SPENT, 0, 0, 0]
    assert noted_entries[0]["peer"].startswith("ipv4:127.0.0.1:")


async def test_requests_over_http(noted):
    doors, entries = noted
    good = {"authorization": "Bearer good"}
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        named = {**good, "idempotency-key": "k"}
        ids = [
            (await plain.post("/v1/chat/completions", json=CHAT, headers=headers)).headers["x-request-id"]
            for headers in (good, named, {"authorization": "Bearer bad"})
        ]
        await plain.post("/v1/images/generations", json={"prompt": SECRET}, headers=good)
        await plain.get(f"/v1/models?q={SECRET}", headers=good)
        await plain.get("/v1/models", headers={**good, "host": "localhost"})
        await plain.post("/v1/models", headers={"origin": "https://evil.example"})
        await plain.get("/healthz")
        await plain.get("/metrics")
    noted_entries = await entries(7)
    assert [facts(entry) for entry in noted_entries] == [
        ("POST /v1/chat/completions", "alice", "acme", "200"),
        ("POST /v1/chat/completions", "alice", "acme", "200"),
        ("POST /v1/chat/completions", None, None, "401"),
        ("POST /v1/images/generations", "alice", "acme", "403"),
        ("GET /v1/models", "alice", "acme", "200"),
        ("GET /v1/models", "alice", "acme", "200"),
        ("POST /v1/models", None, None, "403"),
    ]
    assert [entry["request_id"] for entry in noted_entries[:3]] == ids
    assert [entry["tokens"] for entry in noted_entries[:4]] == [SPENT, SPENT, 0, 0]
