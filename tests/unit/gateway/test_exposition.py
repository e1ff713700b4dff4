import httpx
import pytest
from gateway.adapters import exposition
from gateway.adapters.exposition import HttpExposition


@pytest.fixture
async def read():
    def answer(request):
        if request.url.path == "/gone":
            raise httpx.ConnectError("refused")
        return httpx.Response(500 if request.url.path == "/broken" else 200, text="up 1\n")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        yield lambda path: HttpExposition(f"http://service{path}", client).read()


async def test_metrics_are_read(read):
    assert await read("/metrics") == "up 1\n"


async def test_what_cannot_be_had_is_none(read):
    assert await read("/gone") is None
    assert await read("/broken") is None


async def test_an_endless_answer_is_not_read(read, monkeypatch):
    monkeypatch.setattr(exposition, "_MAX_BYTES", 4)
    assert await read("/metrics") is None
