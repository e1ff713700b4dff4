import asyncio
import contextlib

from serving.watch import watch


async def test_health_follows_the_engine() -> None:
    said: list[bool] = []
    states = iter([True, False, True])
    heard = asyncio.Event()

    async def say(serving: bool) -> None:
        said.append(serving)
        if len(said) == 3:
            heard.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(watch(lambda: next(states), say, interval_s=0.0))
    await heard.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert said == [True, False, True]
