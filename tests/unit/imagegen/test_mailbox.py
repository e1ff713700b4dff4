import asyncio
import threading

import numpy as np
import pytest
from imagegen.events import DeviceEvent, Done, Progress, RawImage, RawPreview, Timings
from imagegen.mailbox import Mailbox

PIXELS = np.zeros((1, 1, 3), np.uint8)
DONE = Done(2, 2, Timings())


async def read(mailbox: Mailbox) -> list[DeviceEvent]:
    return [event async for event in mailbox.events()]


async def test_a_lagging_reader_gets_the_latest_news_and_every_image() -> None:
    mailbox = Mailbox()
    events: list[DeviceEvent] = [
        Progress(1, 3),
        RawPreview(0, 1, PIXELS),
        RawPreview(1, 1, PIXELS),
        Progress(2, 3),
        RawPreview(0, 2, PIXELS),
        Progress(3, 3),
        RawImage(0, PIXELS, 1),
        RawImage(1, PIXELS, 2),
        DONE,
    ]
    for event in events:
        mailbox.post(event)
    kept = [(type(event), getattr(event, "index", None)) for event in await read(mailbox)]
    assert kept == [
        (RawPreview, 1),
        (RawPreview, 0),
        (Progress, None),
        (RawImage, 0),
        (RawImage, 1),
        (Done, None),
    ]


async def test_progress_is_told_at_most_once_in_an_interval_and_at_the_end() -> None:
    now = 5.0
    mailbox = Mailbox(progress_interval_s=0.1, clock=lambda: now)
    events, told = mailbox.events(), []
    for step in range(1, 9):
        mailbox.post(Progress(step, 8))
        mailbox.post(RawImage(step, PIXELS, 1))
        while isinstance(event := await anext(events), Progress):
            told.append(event.step)
        now += 0.04
    assert told == [1, 4, 7, 8]


async def test_a_reader_that_keeps_up_gets_everything_from_another_thread() -> None:
    mailbox = Mailbox(progress_interval_s=0.0)
    seen: list[DeviceEvent] = []
    turn = threading.Semaphore(1)

    def write() -> None:
        for step in range(1, 6):
            turn.acquire()
            mailbox.post(Progress(step, 5))
        turn.acquire()
        mailbox.post(DONE)

    thread = threading.Thread(target=write)
    thread.start()
    async for event in mailbox.events():
        seen.append(event)
        turn.release()
    thread.join()
    assert [event.step for event in seen if isinstance(event, Progress)] == [1, 2, 3, 4, 5]


async def test_an_error_comes_after_what_was_posted() -> None:
    mailbox = Mailbox()
    mailbox.post(Progress(1, 3))
    mailbox.fail(ValueError("broken"))
    events = mailbox.events()
    assert await anext(events) == Progress(1, 3)
    with pytest.raises(ValueError, match="broken"):
        await anext(events)


def test_posting_after_the_loop_is_gone_is_harmless() -> None:
    async def make() -> Mailbox:
        return Mailbox()

    mailbox = asyncio.run(make())
    mailbox.post(DONE)
    mailbox.fail(ValueError())
