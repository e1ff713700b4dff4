"""How much of a load was answered in time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.report import percentile


@dataclass(frozen=True, slots=True)
class Outcome:
    """Seconds from when a request was due to its first and its last token, and the tokens; None: it failed."""

    first_s: float | None
    last_s: float
    tokens: int

    @property
    def between_s(self) -> float:
        """Seconds between two tokens, on average."""
        return (self.last_s - (self.first_s or 0.0)) / max(1, self.tokens - 1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader bears: seconds to the first token, and between tokens on average."""

    first_s: float
    between_s: float

    def holds(self, outcome: Outcome) -> bool:
        """Whether a request was answered within both."""
        return (
            outcome.first_s is not None
            and outcome.first_s <= self.first_s
            and outcome.between_s <= self.between_s
        )


def summary(outcomes: Sequence[Outcome], limits: Limits, seconds: float) -> dict[str, Any]:
    """Requests a second that were answered in time (goodput), their share, and percentiles of what was answered."""
    good = sum(map(limits.holds, outcomes))
    answered = [outcome for outcome in outcomes if outcome.first_s is not None]
    found: dict[str, Any] = {
        "goodput_per_s": round(good / seconds, 3),
        "in_time_ratio": round(good / len(outcomes), 3),
        "failed": len(outcomes) - len(answered),
    }
    for share, label in ((0.5, "p50"), (0.9, "p90")):
        firsts = [outcome.first_s or 0.0 for outcome in answered]
        between = [outcome.between_s for outcome in answered]
        found[f"ttft_{label}_ms"] = round(percentile(firsts, share) * 1e3, 1) if answered else None
        found[f"inter_token_{label}_ms"] = round(percentile(between, share) * 1e3, 1) if answered else None
    return found
