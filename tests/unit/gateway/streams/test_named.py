import asyncio
from contextlib import aclosing, suppress

import pytest
from gateway.streams.limits import StreamLimits
from gateway.streams.metrics import StreamMetrics
from gateway.streams.named import Name, NamedRequests
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from serving.call import Principal
from serving.errors import (
    FailedPrecondition,
    InvalidInput,
    NotFound,
    Overloaded,
    QuadrilleError,
    RequestIdReused,
    Unavailable,
)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Work:
    """Says what it is given to say: sizes, then an end."""

    def __init__(self):
        self.begun, self.left, self.said = 0, asyncio.Event(), 0
        self.orders = asyncio.Queue()

    async def __call__(self, put):
        self.begun += 1
        try:
            while True:
                order = await self.orders.get()
                if isinstance(order, bool):
                    return order
                if isinstance(order, Exception):
                    raise order
                self.said += 1
                await put(f"{self.said}", order)
        finally:
            self.left.set()

    def say(self, *orders):
        for order in orders:
            self.orders.put_nowait(order)
        return self


def table(clock=None, **limits):
    return NamedRequests(StreamLimits(**limits), StreamMetrics(CollectorRegistry()), clock or Clock())


def name(id="a", **principal):
    return Name.of(Principal(**principal), "grpc", id)


async def items(requests, work, *, id="a", after=None, asked=b"asked", **principal):
    return [pair async for pair in requests.follow(name(id, **principal), asked, after, work)]


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


ALL = [(1, "1"), (2, "2"), (3, "3")]


async def test_who_asks_again_gets_the_same_items_and_no_more_is_done():
    clock = Clock()
    requests, work = table(clock, keep_s=60), Work().say(1, 1, 1, True)
    assert await items(requests, work) == ALL
    clock.now = 59.9
    assert await items(requests, work) == ALL
    assert await items(requests, work, after=2) == ALL[2:]
    assert await items(requests, work, after=3) == []
    assert work.begun == 1
    clock.now = 60
    assert not requests.knows(name())
    with pytest.raises(NotFound):
        await items(requests, work, after=2)
    assert requests.held_bytes == 0
    assert await items(requests, work.say(True)) == []
    assert work.begun == 2


async def test_nobody_elses_names_are_found():
    requests, work = table(), Work().say(1, True)
    await items(requests, work, tenant="t", name="n")
    for other in ({"tenant": "u", "name": "n"}, {"tenant": "t", "name": "m"}):
        with pytest.raises(NotFound):
            await items(requests, work, after=0, **other)
    with pytest.raises(NotFound):
        other = Name.of(Principal(tenant="t", name="n"), "another method", "a")
        await anext(requests.follow(other, b"asked", 0, work))
    with pytest.raises(NotFound):  # whose groups let it read less, or more
        await items(requests, work, after=0, tenant="t", name="n", groups=frozenset({"staff"}))
    assert work.begun == 1


async def test_one_name_for_two_requests_is_refused_without_work():
    requests, work = table(), Work().say(1, True)
    await items(requests, work)
    with pytest.raises(RequestIdReused):
        await items(requests, work, asked=b"another")
    with pytest.raises(RequestIdReused):
        await items(requests, work, asked=b"another", after=1)
    assert work.begun == 1


async def test_who_joins_late_gets_all_and_the_first_may_leave():
    requests, work = table(grace_s=60), Work().say(1)
    async with aclosing(requests.follow(name(), b"asked", None, work)) as first:
        assert await anext(first) == (1, "1")
        second = asyncio.create_task(items(requests, work))
        await settle()
    work.say(1, 1, True)
    assert await second == ALL
    assert work.begun == 1


async def test_work_goes_on_for_a_while_when_its_reader_left():
    requests, work = table(grace_s=60), Work().say(1)
    async with aclosing(requests.follow(name(), b"asked", None, work)) as first:
        await anext(first)
    work.say(1, 1, True)
    await work.left.wait()
    assert await items(requests, work, after=1) == ALL[1:]


async def test_work_that_nobody_comes_back_for_is_cancelled_and_forgotten():
    requests, work = table(grace_s=0), Work().say(1)
    async with aclosing(requests.follow(name(), b"asked", None, work)) as first:
        await anext(first)
    await work.left.wait()
    assert requests.held_bytes == 0
    with pytest.raises(NotFound):
        await items(requests, work, after=1)


async def test_who_comes_back_in_time_keeps_the_work_alive():
    requests, work = table(grace_s=0.05), Work().say(1)
    async with aclosing(requests.follow(name(), b"asked", None, work)) as first:
        await anext(first)
    async with aclosing(requests.follow(name(), b"asked", 1, work)) as second:
        waiting = asyncio.create_task(anext(second))
        await asyncio.sleep(0.1)
        assert not work.left.is_set()
        work.say(1)
        assert await waiting == (2, "2")


async def test_what_fails_fails_for_all_and_may_be_tried_again():
    requests, work = table(), Work().say(1)
    calls = [asyncio.create_task(items(requests, work)) for _ in range(2)]
    await settle()
    work.say(Unavailable("gone"))
    for result in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(result, Unavailable)
    assert (work.begun, requests.held_bytes) == (1, 0)
    assert await items(requests, work.say(False)) == []
    assert await items(requests, work.say(True)) == []  # since the second was not to be kept
    assert work.begun == 3


async def test_only_a_place_in_the_stream_can_be_resumed_from():
    requests, work = table(), Work().say(1, True)
    await items(requests, work)
    with pytest.raises(InvalidInput, match="at most 1"):
        await items(requests, work, after=2)


async def test_full_buffers_hold_the_work_up_and_lose_nothing_that_a_reader_still_needs():
    requests, work = table(stream_bytes=10, grace_s=60), Work().say(*[4] * 9, True)
    async with aclosing(requests.follow(name(), b"asked", None, work)) as reader:
        for number in range(1, 10):
            assert await anext(reader) == (number, str(number))
            await settle()
            # What the reader holds is not yet taken; with the next two the buffer is full, and one more waits.
            assert work.said <= number + 2
            assert requests.held_bytes <= 10
        with pytest.raises(FailedPrecondition) as caught:
            await items(requests, work)
        assert caught.value.reason == "REPLAY_GONE"
    assert await items(requests, work, after=8) == [(9, "9")]


async def test_work_without_readers_rests_when_its_buffer_is_full():
    requests, work = table(stream_bytes=10, grace_s=60), Work().say(1, *[4] * 9, True)
    async with aclosing(requests.follow(name(), b"asked", None, work)) as reader:
        await anext(reader)
    await settle()
    assert work.said == 4  # the fourth is not yet in
    assert [number for number, _ in await items(requests, work, after=1)] == list(range(2, 11))


async def test_an_item_larger_than_all_room_passes():
    requests, work = table(stream_bytes=10, total_bytes=10), Work().say(50, 50, True)
    assert await items(requests, work) == ALL[:2]
    assert requests.held_bytes == 0  # and is not kept


async def test_the_oldest_that_have_ended_make_room_for_others():
    requests = table(total_bytes=10)
    works = {id: Work().say(4, True) for id in "abc"}
    for id, work in works.items():
        await items(requests, work, id=id)
    assert [requests.knows(name(id)) for id in "abc"] == [False, True, True]
    assert requests.held_bytes == 8


async def test_no_more_are_remembered_or_run_than_allowed():
    requests = table(most=2)
    for id in "abc":
        await items(requests, Work().say(True), id=id)
    assert [requests.knows(name(id)) for id in "abc"] == [False, True, True]
    running = [asyncio.create_task(items(requests, Work(), id=id)) for id in "de"]
    await settle()
    with pytest.raises(Overloaded):
        await items(requests, Work(), id="f")
    await requests.close()
    for result in await asyncio.gather(*running, return_exceptions=True):
        assert isinstance(result, Unavailable)


async def test_what_work_says_after_it_was_given_up_is_not_kept():
    requests, gone = table(grace_s=0), asyncio.Event()

    async def work(put):
        await put("1", 1)
        try:
            await asyncio.Event().wait()
        finally:
            await put("farewell", 8)
            gone.set()

    async with aclosing(requests.follow(name(), b"asked", None, work)) as reader:
        await anext(reader)
    await gone.wait()
    assert requests.held_bytes == 0


async def test_work_that_ends_while_nobody_follows_is_kept_beyond_its_grace():
    requests, work = table(grace_s=0.02), Work().say(1)
    async with aclosing(requests.follow(name(), b"asked", None, work)) as reader:
        await anext(reader)
    work.say(True)
    await work.left.wait()
    await asyncio.sleep(0.05)
    assert requests.knows(name())


async def test_work_that_waits_for_room_goes_on_when_another_is_given_up():
    requests, first, second = table(total_bytes=10, grace_s=0.02), Work().say(8), Work().say(1, 5, 1)
    async with aclosing(requests.follow(name("b"), b"asked", None, second)) as reader:
        async with aclosing(requests.follow(name("a"), b"asked", None, first)) as other:
            await anext(other)
            await anext(reader)
            await settle()
            assert second.said == 2  # the second is not yet in
        while second.said < 3:
            await asyncio.sleep(0.01)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from("ab"), st.integers(0, 6)),
        st.tuples(st.just("end"), st.sampled_from("ab"), st.sampled_from((True, False, "fails"))),
        st.tuples(st.just("join"), st.sampled_from("ab"), st.none() | st.integers(0, 5)),
        st.tuples(st.just("take"), st.integers(0, 3), st.integers(1, 4)),
        st.tuples(st.just("leave"), st.integers(0, 3), st.none()),
        st.tuples(st.just("wait"), st.none(), st.integers(1, 40)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(OPERATIONS)
def test_every_reader_sees_a_run_of_one_work_and_memory_is_bounded(operations):
    asyncio.run(play(operations))


class Following:
    """A reader that takes as much as it is told to."""

    def __init__(self, requests, id, after, work):
        self.seen, self.after, self.wanted, self.error = [], after or 0, 0, None
        self.more = asyncio.Event()
        self.task = asyncio.create_task(self.read(requests.follow(name(id), b"asked", after, work)))

    async def read(self, events):
        try:
            async with aclosing(events):
                async for pair in events:
                    self.seen.append(pair)
                    while not self.wanted:
                        self.more.clear()
                        await self.more.wait()
                    self.wanted -= 1
        except QuadrilleError as error:
            self.error = error

    def take(self, count):
        self.wanted += count
        self.more.set()


async def play(operations):
    clock = Clock()
    requests = table(clock, stream_bytes=10, total_bytes=15, most=2, grace_s=60, keep_s=60)
    works, readers = {"a": Work(), "b": Work()}, []
    for kind, who, what in operations:
        match kind:
            case "say":
                works[who].say(what)
            case "end":
                works[who].say(Unavailable("it does") if what == "fails" else what)
            case "join":
                readers.append(Following(requests, who, what, works[who]))
            case "take" if who < len(readers):
                readers[who].take(what)
            case "leave" if who < len(readers):
                readers[who].task.cancel()
            case "wait":
                clock.now += what
        await settle()
        assert requests.held_bytes <= 15 + 6  # one item may be under way beyond all room
        for reader in readers:
            numbers = [number for number, _ in reader.seen]
            assert numbers == list(range(reader.after + 1, reader.after + 1 + len(numbers)))
            texts = [int(text) for _, text in reader.seen]
            assert texts == list(range(texts[0], texts[0] + len(texts))) if texts else True
    for reader in readers:
        reader.task.cancel()
        with suppress(asyncio.CancelledError):
            await reader.task
    await requests.close()
    clock.now += 60
    requests.knows(name())
    assert requests.held_bytes == 0
