"""What a load came to. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from benchmarks.image.requests import Request
from benchmarks.report import percentile

BEARABLE = 3  # times what the bare pipeline takes alone for as many steps: longer is not in time


@dataclass(frozen=True, slots=True)
class Outcome:
    """A request, and seconds until it was answered; None: it failed."""

    request: Request
    latency_s: float | None


def summary(
    outcomes: Sequence[Outcome], seconds: float, passes: float, alone: Mapping[int, float]
) -> dict[str, Any]:
    """Rates, latencies and mean occupancy: images in a forward pass whose step was asked for.

    `alone` are seconds by steps of the bare pipeline with nothing else to do; goodput counts what took at most
    BEARABLE times that.
    """
    answered = [(one.request, one.latency_s) for one in outcomes if one.latency_s is not None]
    found: dict[str, Any] = {"requests": len(outcomes), "failed": len(outcomes) - len(answered)}
    if not answered:
        return found
    latencies = [latency for _, latency in answered]
    in_time = sum(latency <= BEARABLE * alone[request.steps] for request, latency in answered)
    return {
        **found,
        "requests_per_s": round(len(answered) / seconds, 3),
        "goodput_per_s": round(in_time / seconds, 3),
        "mean_s": round(mean(latencies), 4),
        "median_s": round(median(latencies), 4),
        "p95_s": round(percentile(latencies, 0.95), 4),
        "p99_s": round(percentile(latencies, 0.99), 4),
        "occupancy": round(sum(request.steps for request, _ in answered) / passes, 2) if passes else None,
    }


def by_steps(outcomes: Sequence[Outcome]) -> dict[int, float]:
    """Mean latency in seconds by number of steps."""
    found = defaultdict(list)
    for one in outcomes:
        if one.latency_s is not None:
            found[one.request.steps].append(one.latency_s)
    return {steps: mean(latencies) for steps, latencies in found.items()}
