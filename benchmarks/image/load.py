"""Requests sent to an engine: by so many clients, when they are due, or to several engines in turn."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

from quadrille_client import QuadrilleError

from benchmarks.image.requests import Request
from benchmarks.image.summary import Outcome

Ask = Callable[[Request], Awaitable[None]]


async def closed(ask: Ask, requests: Sequence[Request], clients: int) -> list[Outcome]:
    """`clients` clients that each send another request once the last is answered; when they come due is ignored."""
    gate = asyncio.Semaphore(clients)

    async def one(request: Request) -> Outcome:
        async with gate:
            return await _timed(ask, request, time.perf_counter())

    return await asyncio.gather(*map(one, requests))


async def opened(ask: Ask, requests: Sequence[Request]) -> list[Outcome]:
    """Each is sent when it is due, whatever has been answered; its latency counts from then."""
    begun = time.perf_counter()

    async def one(request: Request) -> Outcome:
        due = begun + request.due_s
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        return await _timed(ask, request, due)

    return await asyncio.gather(*map(one, requests))


async def alternated(asks: Sequence[Ask], requests: Sequence[Request]) -> list[list[Outcome]]:
    """One request at a time, each to all engines in turn, so that what the machine does meanwhile meets them alike."""
    outcomes: list[list[Outcome]] = [[] for _ in asks]
    for request in requests:
        for ask, found in zip(asks, outcomes, strict=True):
            found.append(await _timed(ask, request, time.perf_counter()))
    return outcomes


async def _timed(ask: Ask, request: Request, since: float) -> Outcome:
    try:
        await ask(request)
    except QuadrilleError as error:
        sys.stderr.write(f"image: a request failed: {error}\n")
        return Outcome(request, None)
    return Outcome(request, time.perf_counter() - since)
