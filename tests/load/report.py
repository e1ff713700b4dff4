"""What a run measured: samples, percentiles, the table, the verdict. Pure, so that it is tested without a server."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

COLUMNS = ("user", "request", "ok/s", "ok", "errors", "unsent", "p50 ms", "p95 ms", "p99 ms", "first p95 ms")


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. Seconds run from its intended start; `first_s` is when a stream's first piece came."""

    kind: str
    request: str
    seconds: float
    first_s: float | None = None
    error: str | None = None


@dataclass
class Results:
    """All samples of a run, and what was due and never sent, by kind and request."""

    samples: list[Sample] = field(default_factory=list)
    unsent: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def errors(self) -> int:
        """Requests that failed."""
        return sum(sample.error is not None for sample in self.samples)

    def problem(self, max_error_rate: float) -> str | None:
        """Why the run counts as failed; None when it does not."""
        total = len(self.samples)
        if total == self.errors:
            return f"nothing was served: {total} requests were sent and none succeeded"
        if self.errors > max_error_rate * total:
            return f"{self.errors} of {total} requests failed, more than {max_error_rate:.1%}"
        return None


def percentile(values: Iterable[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that `percent` of all do not exceed. NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def table(results: Results, seconds: float) -> str:
    """A row a kind and request; latencies are those of what succeeded. Then the errors by code."""
    keys = sorted({(sample.kind, sample.request) for sample in results.samples} | set(results.unsent))
    rows = [COLUMNS, *(_row(results, key, seconds) for key in keys)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    failed = [sample for sample in results.samples if sample.error is not None]
    codes = Counter(f"{sample.kind} {sample.request}: {sample.error}" for sample in failed)
    return "\n".join([*lines, *(f"{count} x {code}" for code, count in codes.most_common())])


def _row(results: Results, key: tuple[str, str], seconds: float) -> tuple[str, ...]:
    mine = [sample for sample in results.samples if (sample.kind, sample.request) == key]
    fine = [sample for sample in mine if sample.error is None]
    firsts = [sample.first_s for sample in fine if sample.first_s is not None]
    latencies = [sample.seconds for sample in fine]
    return (
        *key,
        f"{len(fine) / seconds:.2f}",
        *(str(count) for count in (len(fine), len(mine) - len(fine), results.unsent[key])),
        *(_milliseconds(percentile(latencies, percent)) for percent in (50, 95, 99)),
        _milliseconds(percentile(firsts, 95)),
    )


def _milliseconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1000:.0f}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if column < 2 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
