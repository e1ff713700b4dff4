import asyncio
from types import SimpleNamespace

import pytest
from serving.stall import StallTimer


class Loop:
    """As much of an event loop as timers need, whose time the test tells."""

    def __init__(self):
        self.now = 100.0
        self.timers = []

    def time(self):
        return self.now

    def call_later(self, delay, callback, *arguments):
        timer = asyncio.TimerHandle(self.now + delay, callback, arguments, asyncio.get_event_loop())
        self.timers.append(timer)
        return timer

    def until(self, now):
        while due := [item for item in self.timers if item.when() <= now and not item.cancelled()]:
            timer = min(due, key=asyncio.TimerHandle.when)
            self.timers.remove(timer)
            self.now = timer.when()
            timer._run()
        self.now = now


@pytest.fixture
async def loop(monkeypatch):
    loop = Loop()
    monkeypatch.setattr("serving.stall.asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    return loop


@pytest.fixture
async def stalls():
    return []


@pytest.fixture
async def timer(loop, stalls):
    return StallTimer(10.0, lambda: stalls.append(loop.now))


async def test_what_takes_too_long_is_noticed_once(timer, loop, stalls):
    with timer:
        loop.until(109.9)
        assert not stalls
        loop.until(200.0)
    assert stalls == [110.0]


async def test_each_piece_has_its_own_time(timer, loop, stalls):
    for now in range(107, 200, 7):
        with timer:
            loop.until(now)
    with timer:
        loop.until(300.0)
    assert stalls == [208.0]


async def test_time_between_pieces_does_not_count(timer, loop, stalls):
    with timer:
        pass
    loop.until(1000.0)
    assert not stalls


async def test_of_pieces_at_once_the_first_counts(timer, loop, stalls):
    with timer:
        loop.until(105.0)
        with timer:
            loop.until(120.0)
    assert stalls == [110.0]


async def test_a_closed_one_notices_nothing(timer, loop, stalls):
    with timer:
        timer.close()
        loop.until(200.0)
    assert not stalls


async def test_without_a_limit_nothing_is_timed(loop, stalls):
    timer = StallTimer(None, lambda: stalls.append(loop.now))
    with timer:
        loop.until(10_000.0)
    timer.close()
    assert (stalls, loop.timers) == ([], [])
