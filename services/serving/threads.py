"""Work on threads of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


async def in_passing_thread(work: Callable[[], T]) -> T:
    """Run work in a thread that ends with it, and so do those that OpenMP gave it.

    While OpenMP has more threads than there are cores, they sleep where they would wait awake, and wake too late:
    what another thread computes in small steps, as a decoder's, then takes up to twice as long.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="passing") as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
