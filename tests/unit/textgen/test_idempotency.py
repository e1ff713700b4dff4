import asyncio
from contextlib import aclosing

import pytest
from serving.errors import InvalidInput, Unavailable
from textgen.domain import Delta
from textgen.idempotency import Idempotency


class Work:
    """Deltas "0", "1" … as they are let out, and how often it was begun and left."""

    def __init__(self, count=3, *, error=None, held=False):
        self.count, self.error, self.begun, self.left = count, error, 0, 0
        self.gate = asyncio.Event()
        if not held:
            self.gate.set()

    async def __call__(self):
        self.begun += 1
        try:
            for number in range(self.count):
                if number == 1:
                    await self.gate.wait()
                yield Delta(0, str(number), ())
            if self.error is not None:
                raise self.error
        finally:
            self.left += 1


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def texts(events):
    return [event.text async for event in events]


async def test_who_asks_again_gets_the_same_events_and_no_more_is_done():
    clock, work = Clock(), Work()
    names = Idempotency(60, clock=clock)
    assert await texts(names.events(("t", "a"), "request", work)) == ["0", "1", "2"]
    clock.now = 59
    assert await texts(names.events(("t", "a"), "request", work)) == ["0", "1", "2"]
    assert work.begun == 1
    clock.now = 60
    assert await texts(names.events(("t", "a"), "request", work)) == ["0", "1", "2"]
    assert work.begun == 2


async def test_tenants_and_names_are_kept_apart():
    names, work = Idempotency(60), Work()
    for key in (("t", "a"), ("u", "a"), ("t", "b")):
        await texts(names.events(key, "request", work))
    assert work.begun == 3


async def test_one_name_for_two_requests_is_refused():
    names, work = Idempotency(60), Work()
    await texts(names.events(("t", "a"), "request", work))
    with pytest.raises(InvalidInput) as caught:
        await texts(names.events(("t", "a"), "another", work))
    assert caught.value.field == "request_id"
    assert work.begun == 1


async def test_who_joins_late_gets_all_and_the_first_may_leave():
    names, work = Idempotency(60), Work(held=True)
    async with aclosing(names.events(("t", "a"), "request", work)) as first:
        assert (await anext(first)).text == "0"
        second = asyncio.create_task(texts(names.events(("t", "a"), "request", work)))
        await asyncio.sleep(0)
    assert work.left == 0
    work.gate.set()
    assert await second == ["0", "1", "2"]
    assert work.begun == 1


async def test_when_the_last_leaves_the_work_ends_and_is_forgotten():
    names, work = Idempotency(60), Work(held=True)
    async with aclosing(names.events(("t", "a"), "request", work)) as first:
        await anext(first)
    assert (work.begun, work.left) == (1, 1)
    work.gate.set()
    assert await texts(names.events(("t", "a"), "request", work)) == ["0", "1", "2"]


async def test_what_fails_fails_for_all_and_may_be_tried_again():
    names, work = Idempotency(60), Work(error=Unavailable("gone"), held=True)
    calls = [asyncio.create_task(texts(names.events(("t", "a"), "request", work))) for _ in range(2)]
    await asyncio.sleep(0.01)
    work.gate.set()
    for result in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(result, Unavailable)
    work.error = None
    assert await texts(names.events(("t", "a"), "request", work)) == ["0", "1", "2"]


async def test_no_more_than_so_many_are_remembered_and_the_oldest_goes_first():
    names, work = Idempotency(60, most=2), Work()
    for name in ("a", "b", "c", "c", "b", "a"):
        await texts(names.events(("t", name), "request", work))
    assert work.begun == 4
