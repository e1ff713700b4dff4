import asyncio

import pytest
from serving.errors import Overloaded
from textgen.channel import EventChannel, merged, wake
from textgen.domain import Delta, Finished, PromptLogprobs, Timings, TokenLogprob, Usage

DONE = Finished((), Usage(1), Timings())


async def collect(channel):
    return [event async for event in channel.events()]


async def test_events_come_in_order_and_end_with_finished() -> None:
    channel = EventChannel(asyncio.get_running_loop())
    reader = asyncio.create_task(collect(channel))
    for place in range(3):
        channel.send([Delta(0, str(place), (place,))])
        await asyncio.sleep(0.01)
    channel.send(finished=DONE)
    assert await reader == [*(Delta(0, str(place), (place,)) for place in range(3)), DONE]


async def test_a_reader_that_lags_gets_one_delta_a_sequence() -> None:
    channel = EventChannel(asyncio.get_running_loop())
    for place in range(100):
        channel.send([Delta(0, "a", (place,)), Delta(1, "b", (place,))])
    channel.send(finished=DONE)
    await asyncio.sleep(0)
    first, second, last = await collect(channel)
    assert (first.text, first.token_ids) == ("a" * 100, tuple(range(100)))
    assert (second.index, second.text) == (1, "b" * 100)
    assert last is DONE


async def test_what_is_said_of_the_prompt_comes_first_and_is_not_merged() -> None:
    channel = EventChannel(asyncio.get_running_loop())
    parts = [PromptLogprobs((TokenLogprob(place, "a", -1.0),)) for place in range(3)]
    channel.send(prompt=parts[:2])
    channel.send([Delta(0, "a", (1,))], prompt=parts[2:])
    channel.send(finished=DONE)
    await asyncio.sleep(0)
    assert await collect(channel) == [*parts, Delta(0, "a", (1,)), DONE]


async def test_what_came_before_an_error_is_still_read() -> None:
    channel = EventChannel(asyncio.get_running_loop())
    channel.send([Delta(0, "a", (1,))])
    channel.send(error=Overloaded("full", 1.0))
    await asyncio.sleep(0)
    seen = []
    with pytest.raises(Overloaded):
        async for event in channel.events():
            seen.append(event)  # noqa: PERF401 - the error must come after it
    assert [event.text for event in seen] == ["a"]


async def test_a_reader_that_rests_gets_the_first_delta_at_once_and_then_what_came_meanwhile() -> None:
    channel = EventChannel(asyncio.get_running_loop(), interval_s=0.05)
    events = channel.events()
    channel.send([Delta(0, "a", (0,))])
    assert (await anext(events)).text == "a"
    following = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    for place in range(1, 9):
        channel.send([Delta(0, "b", (place,))])
    await asyncio.sleep(0.01)
    assert not following.done()
    assert (await following).text == "b" * 8
    channel.send([Delta(0, "x", (0,))])  # before it rests, so that it is woken; it rests all the same
    following = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.01)
    assert not following.done()
    assert (await following).text == "x"
    following = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.1)
    channel.send([Delta(0, "c", (9,))])  # after a rest in which nothing came, what comes is not held up
    await asyncio.sleep(0.01)
    assert following.done()


@pytest.mark.parametrize("end", [{"finished": DONE}, {"error": Overloaded("full", 1.0)}])
async def test_the_end_wakes_a_reader_that_rests(end) -> None:
    channel = EventChannel(asyncio.get_running_loop(), interval_s=60)
    reader = asyncio.create_task(collect(channel))
    channel.send([Delta(0, "a", (0,))])
    await asyncio.sleep(0.01)
    channel.send([Delta(0, "b", (1,))])
    channel.send(**end)
    async with asyncio.timeout(5):
        if "error" in end:
            with pytest.raises(Overloaded):
                await reader
        else:
            assert [getattr(event, "text", event) for event in await reader] == ["a", "b", DONE]


async def test_the_device_thread_may_send() -> None:
    channel = EventChannel(asyncio.get_running_loop())
    reader = asyncio.create_task(collect(channel))
    await asyncio.to_thread(lambda: channel.send([Delta(0, "x", (1,))], finished=DONE))
    assert [type(event) for event in await reader] == [Delta, Finished]


async def test_many_readers_are_woken_by_one_call(monkeypatch) -> None:
    loop, calls = asyncio.get_running_loop(), []
    soon = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *call: (calls.append(call), soon(*call)))
    channels = [EventChannel(loop) for _ in range(3)]
    readers = [asyncio.create_task(collect(channel)) for channel in channels]
    await asyncio.sleep(0)
    assert all(channel.put([Delta(0, "a", (1,))], finished=DONE) for channel in channels)
    wake(channels)
    assert len(calls) == 1
    assert await asyncio.gather(*readers) == [[Delta(0, "a", (1,)), DONE]] * 3


async def test_a_reader_that_rests_is_only_woken_for_the_end() -> None:
    channel = EventChannel(asyncio.get_running_loop(), interval_s=60)
    reader = asyncio.create_task(collect(channel))
    channel.send([Delta(0, "a", (0,))])
    await asyncio.sleep(0.01)
    assert not channel.put([Delta(0, "b", (1,))])
    assert channel.put(finished=DONE)
    wake([channel])
    async with asyncio.timeout(5):
        assert [getattr(event, "text", event) for event in await reader] == ["a", "b", DONE]


def test_after_the_loop_events_go_nowhere() -> None:
    loop = asyncio.new_event_loop()
    channel = EventChannel(loop)
    loop.close()
    channel.send([Delta(0, "x", (1,))])


def test_merging_keeps_tokens_and_logprobs_in_order() -> None:
    entries = [TokenLogprob(place, str(place), -1.0) for place in range(2)]
    both = merged([Delta(2, "a", (0,), (entries[0],)), Delta(2, "b", (1,), (entries[1],))])
    assert both == Delta(2, "ab", (0, 1), tuple(entries))
