"""Events as they are written, over a connection that the test plays."""

import asyncio
import json

import pytest
from gateway.http import stream
from gateway.http.stream import respond
from serving.errors import Unavailable


class Connection:
    """Keeps what was sent; `left` is set when the client goes."""

    def __init__(self):
        self.left = asyncio.Event()
        self.head = None
        self.body = b""
        self.whole = False

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        assert not self.whole
        if message["type"] == "http.response.start":
            self.head = dict(message["headers"])
        else:
            self.body += message["body"]
            self.whole = not message["more_body"]

    async def serve(self, response):
        await response({"type": "http", "method": "POST", "path": "/"}, self.receive, self.send)


class Events:
    """Some events, then an error or silence; `closed` tells that they are."""

    def __init__(self, *events, error=None, silent=False):
        self.events, self.error, self.silent = events, error, silent
        self.closed = False

    async def __call__(self):
        try:
            for event in self.events:
                yield event
            if self.error is not None:
                raise self.error
            if self.silent:
                await asyncio.Event().wait()
        finally:
            self.closed = True


async def until(true):
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0)


async def test_events_are_lines_of_json_with_their_names():
    connection = Connection()
    events = Events((None, {"text": "ä\n\u2028"}), ("done", {"joules": 0.5}))
    await connection.serve(await respond(events()))
    assert connection.body.decode() == (
        'data: {"text":"ä\\n\u2028"}\n\nevent: done\ndata: {"joules":0.5}\n\ndata: [DONE]\n\n'
    )
    assert connection.whole
    assert connection.head[b"content-type"].startswith(b"text/event-stream")
    assert connection.head[b"cache-control"] == b"no-store"
    assert connection.head[b"x-accel-buffering"] == b"no"


async def test_no_events_are_an_end_too():
    connection = Connection()
    await connection.serve(await respond(Events()(), done=False))
    assert (connection.body, connection.whole) == (b"", True)


async def test_what_fails_before_the_first_event_is_raised():
    with pytest.raises(Unavailable):
        await respond(Events(error=Unavailable("gone"))())


async def test_what_fails_later_is_the_last_event():
    connection = Connection()
    await connection.serve(await respond(Events((None, {}), error=Unavailable("gone"))()))
    *_, last, end = connection.body.split(b"\n\n")
    assert json.loads(last.removeprefix(b"data: "))["error"]["message"] == "gone"
    assert (end, connection.whole) == (b"", True)


async def test_silence_is_broken_by_comments(monkeypatch):
    monkeypatch.setattr(stream, "QUIET_S", 0.0)
    connection, events = Connection(), Events((None, {}), silent=True)
    serving = asyncio.create_task(connection.serve(await respond(events())))
    await until(lambda: connection.body.count(b": ping\n\n") > 1)
    connection.left.set()
    await serving
    assert not connection.whole
    assert events.closed


async def test_a_server_that_ends_cancels_what_waits():
    connection, events = Connection(), Events((None, {}), silent=True)
    serving = asyncio.create_task(connection.serve(await respond(events())))
    await until(lambda: connection.body)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert events.closed
