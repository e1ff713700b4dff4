"""Flips the server's health with the engine's."""

import asyncio
from collections.abc import Awaitable, Callable


async def watch(
    healthy: Callable[[], bool], set_serving: Callable[[bool], Awaitable[None]], interval_s: float = 1.0
) -> None:
    """Tell `set_serving` what `healthy` says, every `interval_s` seconds, until cancelled."""
    while True:
        await asyncio.sleep(interval_s)
        await set_serving(healthy())
