"""What a door's answers amount to. Pure."""

from collections.abc import Sequence
from typing import Any

from benchmarks.load.goodput import Outcome
from benchmarks.report import percentile


def summary(outcomes: Sequence[Outcome], seconds: float, processor_s: float) -> dict[str, Any]:
    """Rates, percentiles, and requests for each second of a core that the door's own process had."""
    answered = [outcome for outcome in outcomes if outcome.first_s is not None]
    found: dict[str, Any] = {
        "requests": len(outcomes),
        "failed": len(outcomes) - len(answered),
        "requests_per_s": round(len(answered) / seconds, 2),
        "tokens_per_s": round(sum(outcome.tokens for outcome in answered) / seconds, 1),
        "processor_ms": round(1e3 * processor_s / max(1, len(answered)), 3),
        "requests_per_core_s": round(len(answered) / processor_s, 1) if processor_s else None,
    }
    for share, label in ((0.5, "p50"), (0.99, "p99")):
        for name, values in (
            ("ttft", [outcome.first_s or 0.0 for outcome in answered]),
            ("between", [outcome.between_s for outcome in answered]),
            ("whole", [outcome.last_s for outcome in answered]),
        ):
            found[f"{name}_{label}_ms"] = round(1e3 * percentile(values, share), 3) if answered else None
    return found
