"""A result of retrieval as Markdown. Pure."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.markdown import origin, table, verdict
from benchmarks.retrieval.engines import RECALL_CLIENTS, REFERENCES

SEARCH_HEAD = ("", "asked by", "queries/s", "p50, ms", "p99, ms", "recall@10")
INGEST_HEAD = ("", "vectors/s, indexed", "bytes a vector")
Row = dict[str, Any]


def markdown(result: Row) -> str:
    """All that a page says of a result."""
    setting = next(row for row in result["rows"] if row["operation"] == "setting")
    said = (
        f"{setting['vectors']:,} vectors made of {setting['texts']:,} texts, {setting['queries']:,} held-out queries, "
        f"index `{setting['index']}`{_built(setting)}. "
        "Single queries and their echo took turns; medians of their rounds:"
    )
    measured = [row for row in result["rows"] if "absent" not in row]
    searched = [row for row in measured if "queries_per_s" in row]
    ingested = [row for row in measured if "vectors_per_s" in row]
    filtered = [row for row in measured if row["operation"] == "filtered"]
    parts = [f"{origin(result, 'faiss-cpu', 'grpcio')} {said}", table(SEARCH_HEAD, _searches(searched))]
    if filtered:
        parts += [
            "Filters:",
            table(("a filter lets through", "all ten found", "recall", "p50, ms"), _filters(filtered)),
        ]
    if ingested:
        parts += ["Ingest:", table(INGEST_HEAD, [_ingest(row) for row in ingested])]
    return "\n\n".join([*parts, *verdict(result)])


def _built(setting: Row) -> str:
    threads = setting.get("build_threads", 1)
    return "" if threads == 1 else f" built by {threads} threads"


def _searches(rows: Sequence[Row]) -> list[list[str]]:
    """A line for each engine and load, rounds of a load made one."""
    loads: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["operation"] != "filtered":
            loads.setdefault((row["engine"], _load(row)), []).append(row)
    return [
        [
            engine,
            load,
            *(_median(found, name) for name in ("queries_per_s", "p50_ms", "p99_ms", "recall")),
        ]
        for (engine, load), found in loads.items()
    ]


def _load(row: Row) -> str:
    if row["operation"] == "recall":
        audited = ", audited" if row.get("audited") else ""
        return f"{RECALL_CLIENTS} clients, effort {row['effort']}{audited}"
    kind = ", ids and scores" if row["operation"].endswith(REFERENCES) else ""
    if "clients" in row:
        return ("one client" if row["clients"] == 1 else f"{row['clients']} clients") + kind
    return ("one query a call" if row.get("batch", 1) == 1 else f"{row['batch']} a call") + kind


def _median(rows: Sequence[Row], name: str) -> str:
    values = [row[name] for row in rows if row.get(name) is not None]
    if not values:
        return "–"
    value = median(values)
    return f"{value:,.0f}" if name == "queries_per_s" or value >= 100 else f"{value:.3g}"


def _filters(rows: Sequence[Row]) -> list[list[str]]:
    return [
        [
            f"{row['share'] * 100:g} %",
            f"{row['full_k']:.3f}",
            f"{row['recall']:.3f}",
            _median([row], "p50_ms"),
        ]
        for row in rows
    ]


def _ingest(row: Row) -> list[str]:
    size = row.get("bytes_per_vector")
    return [row["engine"], f"{row['vectors_per_s']:,.0f}", "–" if size is None else f"{size:,.0f}"]
