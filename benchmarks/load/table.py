"""A result of load as Markdown. Pure."""

from typing import Any

from benchmarks.markdown import origin, table, verdict

HEAD = ("", "of capacity", "sent", "in time", "share", "first token, p50", "p90", "between, p50", "p90")
SHOWN = (
    "offered_per_s",
    "goodput_per_s",
    "in_time_ratio",
    "ttft_p50_ms",
    "ttft_p90_ms",
    "inter_token_p50_ms",
    "inter_token_p90_ms",
)


def markdown(result: dict[str, Any]) -> str:
    """All that a page says of a result."""
    rows = [
        [row["engine"], f"{row['part']:g}", *(_shown(name, row[name]) for name in SHOWN)]
        for row in result["rows"]
        if "part" in row
    ]
    said = "Requests a second that were sent and answered in time; milliseconds to the first token and between tokens:"
    return "\n\n".join([f"{origin(result, 'transformers')} {said}", table(HEAD, rows), *verdict(result)])


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if name.endswith("_ms") else f"{value:.3g}"
