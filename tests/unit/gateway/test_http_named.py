"""The middleware over a small application of its own."""

import asyncio

import httpx
import pytest
from gateway.http.named import NamedHttp
from gateway.streams.limits import StreamLimits
from gateway.streams.metrics import StreamMetrics
from gateway.streams.named import NamedRequests
from prometheus_client import CollectorRegistry
from serving.auth import KeyStore
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

NAMED = {"idempotency-key": "k"}


class Application:
    """Counts what it did; /parts answers in parts, /breaks ends early."""

    def __init__(self):
        self.done = 0
        routes = [
            Route(path, getattr(self, path[1:]), methods=["GET", "POST"]) for path in ("/form", "/parts")
        ]
        self.app = Starlette(routes=[*routes, Route("/breaks", self.breaks, methods=["POST"])])

    async def form(self, request):
        self.done += 1
        return PlainTextResponse(f"{self.done}: {len(await request.body())}")

    async def parts(self, request):
        self.done += 1
        return StreamingResponse(self.pieces(), headers={"content-length": "4"})

    async def pieces(self):
        for piece in (b"a", b"bc", b"", b"d"):
            await asyncio.sleep(0)
            yield piece

    async def breaks(self, request):
        self.done += 1

        async def pieces():
            yield b"a"
            raise ValueError("it breaks")

        return StreamingResponse(pieces())


@pytest.fixture
async def served():
    application = Application()
    named = NamedRequests(StreamLimits(), StreamMetrics(CollectorRegistry()))
    door = NamedHttp(application.app, named, KeyStore())

    async def app(scope, receive, send):
        await door({**scope, "state": {"request_id": "r"}}, receive, send)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield application, client
    await named.close()


async def test_forms_are_the_same_whatever_their_boundary(served):
    application, client = served
    answers = [await client.post("/form", files={"file": b"some bytes"}, headers=NAMED) for _ in range(2)]
    assert answers[0].request.headers["content-type"] != answers[1].request.headers["content-type"]
    assert answers[0].text == answers[1].text
    other = await client.post("/form", files={"file": b"other bytes"}, headers=NAMED)
    assert other.status_code == 409
    assert application.done == 1


async def test_what_is_asked_is_query_kind_and_body(served):
    application, client = served
    assert (await client.post("/form?a=1", content=b"x", headers=NAMED)).status_code == 200
    for path, content, kind in (
        ("/form?a=2", b"x", ""),
        ("/form?a=1", b"y", ""),
        ("/form?a=1", b"x", "text/plain"),
    ):
        headers = {**NAMED, **({"content-type": kind} if kind else {})}
        assert (await client.post(path, content=content, headers=headers)).status_code == 409
    assert application.done == 1


async def test_only_posts_are_named(served):
    _, client = served
    answers = {(await client.get("/form", headers=NAMED)).text for _ in range(2)}
    assert answers == {"1: 0", "2: 0"}


async def test_parts_come_as_they_were(served):
    application, client = served
    answers = [await client.post("/parts", headers=NAMED) for _ in range(2)]
    assert [answer.text for answer in answers] == ["abcd", "abcd"]
    assert application.done == 1


async def test_what_breaks_midway_breaks_for_its_reader_and_is_not_kept(served):
    application, client = served
    for _ in range(2):
        with pytest.raises(ValueError, match="it breaks"):
            await client.post("/breaks", headers=NAMED)
    assert application.done == 2
