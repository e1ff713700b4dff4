"""Timing of calls made at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


async def timed(
    calls: int, at_once: int, call: Callable[[int], Awaitable[Result]]
) -> tuple[float, list[float]]:
    """Run `calls` calls, `at_once` of them at any time; seconds in all, and of each."""
    gate, latencies = asyncio.Semaphore(at_once), []

    async def one(index: int) -> None:
        async with gate:
            begun = time.perf_counter()
            await call(index)
            latencies.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(one(index) for index in range(calls)))
    return time.perf_counter() - begun, latencies
