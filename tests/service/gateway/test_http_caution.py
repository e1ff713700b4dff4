"""Limits, patience, origins and headers of HTTP, over real connections."""

import asyncio
import contextlib
import json
import re
import socket
import ssl

import httpx
import pytest

BODY = {"messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"


async def connect(doors):
    host, port = doors.http.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port), limit=1024)


async def ended(writer):
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_head_that_is_too_large_is_refused(make_doors):
    doors = await make_doors(max_http_head_bytes=4096)
    reader, writer = await connect(doors)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * 8192)
    assert (await asyncio.wait_for(reader.read(12), 20)).endswith(b" 400")
    await ended(writer)


async def test_a_head_that_grows_too_large_is_refused(make_doors):
    doors = await make_doors(max_http_head_bytes=1024)
    reader, writer = await connect(doors)
    for piece in (b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ", b"x" * 600, b"x" * 600):
        writer.write(piece)
        await asyncio.sleep(0.05)
    assert (await asyncio.wait_for(reader.read(12), 20)).endswith(b" 400")
    await ended(writer)


async def test_a_body_may_be_larger_than_a_head(make_doors):
    doors = await make_doors(max_http_head_bytes=1024)
    reader, writer = await connect(doors)
    for _ in range(2):
        writer.write(completion(prompt="x" * 100_000))
        assert b" 200 " in await reader.readline()
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)[1]
        await reader.readexactly(int(length))
    await ended(writer)


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nhost: local"])
async def test_a_head_that_does_not_come_is_not_waited_for(make_doors, sent):
    doors = await make_doors(http_read_timeout_s=0.1)
    reader, writer = await connect(doors)
    writer.write(sent)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 20) == b""
    await ended(writer)


async def test_the_second_head_of_a_connection_must_come_too(make_doors):
    doors = await make_doors(http_read_timeout_s=0.2)
    reader, writer = await connect(doors)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert b" 200 " in await reader.readuntil(b"alive")
    writer.write(b"GET ")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readuntil(b"never"), 20)
    await ended(writer)


async def test_a_connection_may_rest_between_requests(make_doors):
    doors = await make_doors(http_read_timeout_s=0.1)
    reader, writer = await connect(doors)
    for _ in range(2):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"alive")
        await asyncio.sleep(0.5)  # five times as long as a head may take
    await ended(writer)


async def test_a_body_that_does_not_come_is_told_so(make_doors):
    doors = await make_doors(http_read_timeout_s=0.1)
    reader, writer = await connect(doors)
    writer.write(b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{")
    answer = await asyncio.wait_for(reader.read(), 20)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"timeout"' in answer
    await ended(writer)


def completion(**body):
    content = json.dumps(body)
    head = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n{content}".encode()


async def test_an_answer_that_nobody_takes_is_not_held_for_ever(make_doors):
    doors = await make_doors(reader_stall_s=0.2)
    _, writer = await connect(doors)
    writer.write(completion(prompt="x" * 1_000_000, n=16))
    held = doors.gateway.http.server_state.connections
    while not any(connection.cycle and connection.cycle.response_complete for connection in held):
        await asyncio.sleep(0.01)
    while held:
        await asyncio.sleep(0.01)
    await ended(writer)


async def test_a_stalled_reader_loses_its_connection_and_its_work_ends(make_doors, monkeypatch):
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT", raising=False)  # the kernel might be first
    doors = await make_doors(reader_stall_s=0.3)
    reader, writer = await connect(doors)
    writer.write(completion(prompt="forever", stream=True))
    assert b" 200 " in await reader.readline()
    doors.text.pace.clear()  # much at once from now on, and nothing of it is read
    await asyncio.wait_for(doors.text.cancelled.wait(), 60)
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        page = (await plain.get("/metrics")).text
    assert "quadrille_gateway_http_stalled_readers_total 1.0" in page
    await ended(writer)


async def test_names_that_are_not_the_gateways_are_refused_on_loopback_without_keys(plain, doors):
    for host in ("evil.example", "evil.example:8080", "", "localhost.evil.example", "[::1", "a:b:c"):
        answer = await plain.get("/v1/models", headers={"host": host})
        assert (answer.status_code, answer.json()["error"]["code"]) == (421, "unknown_host"), host
    for host in ("localhost", "LOCALHOST:1234", "127.0.0.1", "[::1]:80"):
        assert (await plain.get("/v1/models", headers={"host": host})).status_code == 200


async def test_names_can_be_given(make_doors):
    doors = await make_doors(http_hosts=("models.example",))
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        assert (await plain.get("/healthz")).status_code == 421
        assert (await plain.get("/healthz", headers={"host": "models.example"})).status_code == 200


async def test_pages_of_other_origins_change_nothing(plain, doors):
    foreign = {"origin": "https://evil.example"}
    for origin in (foreign, {"origin": "null"}, {"origin": "http://127.0.0.1:1"}):
        answer = await plain.post(PATH, json=BODY, headers=origin)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused")
    assert doors.text.intervals == []
    assert (await plain.post(PATH, json=BODY, headers={"origin": doors.http})).status_code == 200
    answer = await plain.get("/v1/models", headers=foreign)
    assert "access-control-allow-origin" not in answer.headers  # so the browser does not show it
    preflight = {**foreign, "access-control-request-method": "POST"}
    assert (await plain.options(PATH, headers=preflight)).status_code == 405


async def test_origins_can_be_let_in(make_doors):
    doors = await make_doors(cors_origins=("https://app.example",))
    ours, theirs = {"origin": "https://app.example"}, {"origin": "https://evil.example"}
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        preflight = await plain.options(PATH, headers={**ours, **asking})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://app.example"
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        answer = await plain.post(PATH, json=BODY, headers=ours)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in answer.headers
        readable = set(answer.headers["access-control-expose-headers"].split(", "))
        assert {"x-request-id", "retry-after-ms", "x-ratelimit-remaining-tokens"} <= readable
        assert (await plain.options(PATH, headers={**theirs, **asking})).status_code == 400
        assert (await plain.post(PATH, json=BODY, headers=theirs)).status_code == 403


async def test_any_origin_can_be_let_in(make_doors):
    doors = await make_doors(cors_origins=("*",))
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        answer = await plain.post(PATH, json=BODY, headers={"origin": "https://any.example"})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


async def test_browsers_are_told_to_be_careful(plain):
    for answer in (await plain.get("/v1/models"), await plain.post(PATH, json={}), await plain.get("/no")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "strict-transport-security" not in answer.headers
        assert "server" not in answer.headers


async def test_with_tls_they_are_told_to_stay_with_it_and_old_versions_are_refused(make_doors, certificates):
    party = certificates.server
    doors = await make_doors(tls_certificate=party.certificate, tls_key=party.key)
    secure = doors.http.replace("http:", "https:")
    modern = ssl.create_default_context(cafile=certificates.ca)
    async with httpx.AsyncClient(base_url=secure, verify=modern) as plain:
        assert "max-age" in (await plain.get("/healthz")).headers["strict-transport-security"]
    old = ssl.create_default_context(cafile=certificates.ca)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with httpx.AsyncClient(base_url=secure, verify=old) as plain:
        with pytest.raises(httpx.ConnectError):
            await plain.get("/healthz")
