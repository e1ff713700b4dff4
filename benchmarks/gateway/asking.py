"""Questions put to a door: by so many clients at once, or when they are due."""

import asyncio
import random
import sys
import time
from collections.abc import Sequence

import httpx
from grpc import StatusCode
from quadrille_client import QuadrilleError

from benchmarks.gateway.doors import Ask, DoorError
from benchmarks.load.goodput import Outcome

TOKENS = 32
REFUSALS = (StatusCode.RESOURCE_EXHAUSTED, StatusCode.DEADLINE_EXCEEDED)
WORDS = ("river", "lantern", "harbour", "winter", "ledger", "signal", "orchard", "bridge", "copper", "island")


def questions(count: int, seed: int | str) -> list[str]:
    """Some thirty tokens each, and no two alike from the first word on."""
    source = random.Random(seed)
    return [" ".join(source.choices(WORDS, k=12)) for _ in range(count)]


async def closed(ask: Ask, asked: Sequence[str], clients: int, tokens: int = TOKENS) -> list[Outcome]:
    """`clients` clients that each ask another question once the last is answered."""
    waiting = iter(asked)
    outcomes: list[Outcome] = []

    async def client() -> None:
        outcomes.extend([await one(ask, question, time.perf_counter(), tokens) for question in waiting])

    await asyncio.gather(*(client() for _ in range(clients)))
    return outcomes


async def opened(
    ask: Ask, asked: Sequence[str], rate: float, seed: int, tokens: int = TOKENS
) -> list[Outcome]:
    """Questions come at `rate` a second on average, whatever has been answered; latencies count from then."""
    source, due, begun = random.Random(seed), 0.0, time.perf_counter()
    tasks = []
    for question in asked:
        due += source.expovariate(rate)
        tasks.append(_when_due(ask, question, begun + due, tokens))
    return await asyncio.gather(*tasks)


async def _when_due(ask: Ask, question: str, due: float, tokens: int) -> Outcome:
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    return await one(ask, question, due, tokens)


async def one(ask: Ask, question: str, since: float, tokens: int) -> Outcome:
    """Ask once; what is refused or fails has no first token, and none is asked again."""
    first, came = None, 0
    try:
        async for count in ask(question, tokens):
            first = first or time.perf_counter() - since
            came += count
    except (QuadrilleError, DoorError, httpx.HTTPError) as error:
        if not refused(error):
            sys.stderr.write(f"gateway: a request failed: {error!r}\n")
    whole = came == tokens
    return Outcome(first if whole else None, time.perf_counter() - since, came)


def refused(error: Exception) -> bool:
    """Whether an error is a refusal of too much, or of what would be too late."""
    if isinstance(error, DoorError):
        return error.refused
    return isinstance(error, QuadrilleError) and error.code in REFUSALS
