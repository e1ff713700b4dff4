"""A result of words as Markdown. Pure."""

from typing import Any

from benchmarks.markdown import origin, table, verdict

HEAD = ("", "asked by", "queries/s", "p50, ms", "p99, ms")


def markdown(result: dict[str, Any]) -> str:
    """All that a page says of a result."""
    rows = result["rows"]
    setting = next(row for row in rows if row["operation"] == "setting")
    said = f"{setting['texts']:,} texts, {setting['questions']:,} questions, any of whose words may match:"
    searched = [
        [
            f"{row['engine']}, {row['operation']}",
            "one client" if row["clients"] == 1 else f"{row['clients']} clients",
            *(_told(row[name]) for name in ("queries_per_s", "p50_ms", "p99_ms")),
        ]
        for row in rows
        if "queries_per_s" in row
    ]
    written = [[row["engine"], f"{row['texts_per_s']:,.0f}"] for row in rows if "texts_per_s" in row]
    parts = [f"{origin(result)} {said}", table(HEAD, searched), table(("", "texts/s, written"), written)]
    return "\n\n".join([*parts, *verdict(result)])


def _told(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
