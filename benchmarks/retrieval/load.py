"""Clients in closed loops, in this process: each asks again as soon as it has been answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.report import percentile


@dataclass(frozen=True, slots=True)
class Load:
    """What a load found: seconds in all and of each call, and the answers in the order of the requests."""

    seconds: float
    latencies: list[float]
    answers: list[Any]

    def figures(self, queries: int = 1) -> dict[str, float]:
        """Of calls that hold so many queries."""
        return {
            "queries_per_s": round(queries * len(self.latencies) / self.seconds, 1),
            "p50_ms": round(percentile(self.latencies, 0.5) * 1e3, 3),
            "p99_ms": round(percentile(self.latencies, 0.99) * 1e3, 3),
        }


async def closed(call: Callable[[Any], Awaitable[Any]], requests: Sequence[Any], clients: int) -> Load:
    """Send all requests, by so many clients."""
    latencies: list[float] = []
    answers: list[Any] = [None] * len(requests)
    waiting = iter(enumerate(requests))

    async def client() -> None:
        for place, request in waiting:
            before = time.perf_counter()
            answers[place] = await call(request)
            latencies.append(time.perf_counter() - before)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(time.perf_counter() - begun, latencies, answers)
