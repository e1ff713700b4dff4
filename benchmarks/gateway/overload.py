"""Questions beyond what can be answered: what is answered in time all the same, and how soon the rest is refused."""

import sys
import time
from typing import Any

from benchmarks.gateway.asking import closed, opened, questions
from benchmarks.gateway.doors import Door
from benchmarks.load.goodput import Outcome
from benchmarks.report import percentile

CLIENTS, WARM = 32, 256
# Of what 32 clients in closed loops get.
PARTS = (0.6, 0.8, 1.0, 1.2, 5.0)
DEADLINE_S = 2.0  # of each call


async def measure(door: Door, seconds: float) -> list[dict[str, Any]]:
    """A row for each part of capacity; the door's calls have the deadline."""
    begun = time.perf_counter()
    await closed(door.streamed, questions(WARM, seed=-1), CLIENTS)
    capacity = WARM / (time.perf_counter() - begun)
    rows = []
    for seed, part in enumerate(PARTS):
        rate = part * capacity
        sys.stderr.write(f"gateway: {part:g} of capacity, {rate:.1f} requests/s\n")
        outcomes = await opened(door.streamed, questions(round(rate * seconds), seed), rate, seed)
        rows.append(
            {"engine": door.name, "operation": "overload", "part": part, **row(outcomes, rate, seconds)}
        )
    return rows


def row(outcomes: list[Outcome], rate: float, seconds: float) -> dict[str, Any]:
    """Requests a second that were answered in time, and milliseconds until the others were told that they are not.

    An answer counts where it was whole before its deadline, from when it was due.
    """
    good = sum(outcome.first_s is not None and outcome.last_s <= DEADLINE_S for outcome in outcomes)
    turned_away = [outcome.last_s for outcome in outcomes if outcome.first_s is None]
    return {
        "offered_per_s": round(rate, 2),
        "requests": len(outcomes),
        "goodput_per_s": round(good / seconds, 2),
        "refused": len(turned_away),
        "refusal_p50_ms": round(1e3 * percentile(turned_away, 0.5), 2) if turned_away else None,
        "refusal_p99_ms": round(1e3 * percentile(turned_away, 0.99), 2) if turned_away else None,
    }
