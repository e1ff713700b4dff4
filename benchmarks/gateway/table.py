"""A result of the gateway as Markdown. Pure."""

from typing import Any

from benchmarks.gateway.ratios import DIRECT, STREAMED, WHOLE
from benchmarks.markdown import origin, table, verdict

RATES = ("requests_per_s", "tokens_per_s", "processor_ms")
RATED = ("requests/s", "tokens/s", "processor")
TIMES = ("ttft_p50_ms", "ttft_p99_ms", "between_p50_ms", "between_p99_ms")
TIMED = ("first token, p50", "p99", "between, p50", "p99")
WHOLE_TIMES, WHOLE_TIMED = ("whole_p50_ms", "whole_p99_ms"), ("answer, p50", "p99")
LOADS = ("of capacity", "offered", "answered in time", "refused", "refusal, p50", "p99")
SAID = (
    "Milliseconds, in brackets what the door adds to the service's own; processor: milliseconds of a core that the "
    "door's process takes for a request. Answers that are streamed:"
)


def markdown(result: dict[str, Any]) -> str:
    """All that a page says of a result."""
    parts = [
        f"{origin(result, 'grpcio')} {SAID}",
        _doors(result, STREAMED, TIMES, TIMED),
        "Answers that come whole:",
        _doors(result, WHOLE, WHOLE_TIMES, WHOLE_TIMED),
    ]
    loads = [row for row in result["rows"] if row["operation"] == "overload"]
    if loads:
        parts += [
            "Requests a second beyond what can be done, and milliseconds until a refusal:",
            _loads(loads),
        ]
    return "\n\n".join([*parts, *verdict(result)])


def _doors(result: dict[str, Any], operation: str, times: tuple[str, ...], timed: tuple[str, ...]) -> str:
    rows = [row for row in result["rows"] if row["operation"] == operation and "absent" not in row]
    direct = {row["streams"]: row for row in rows if row["engine"] == DIRECT}
    lines = []
    for row in rows:
        base = direct[row["streams"]]
        shown = [_time(row[name], None if row is base else base[name]) for name in times]
        lines.append([row["engine"], str(row["streams"]), *shown, *(f"{row[name]:g}" for name in RATES)])
    return table(("", "at once", *timed, *RATED), lines)


def _loads(rows: list[dict[str, Any]]) -> str:
    return table(
        LOADS,
        [
            [
                f"{row['part']:g}",
                f"{row['offered_per_s']:.1f}",
                f"{row['goodput_per_s']:.1f}",
                str(row["refused"]),
                _time(row["refusal_p50_ms"], None),
                _time(row["refusal_p99_ms"], None),
            ]
            for row in rows
        ],
    )


def _time(value: float | None, base: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if base is None else f"{value:.1f} ({value - base:+.1f})"
