"""What the rows amount to: ratios with their goals. Pure."""

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.peers.vectors import M
from benchmarks.report import Better, Ratio
from benchmarks.retrieval.engines import ECHO, LIBRARIES, OURS, RAW, REFERENCES

Row = dict[str, Any]
Found = dict[str, tuple[float | None, float | None, Better]]  # value, goal, which is better
DIMENSION = 384
EXCESS_MS = 0.5  # that a single query may take over the echo and the raw search together


def ratios(rows: Sequence[Row]) -> dict[str, Ratio]:
    """Those that can be made: what was not measured, or whose peer is absent, is left out."""
    found: Found = {}
    for kind in ("", REFERENCES):
        rates = _rates(rows, OURS, f"search{kind}", 16), _rates(rows, ECHO, f"echo{kind}", 16)
        found[f"calls_16{kind}_to_echo"] = (_ratio(*rates), 0.75, "higher")
        found[f"single_p50{kind}_excess_to_half_a_ms"] = (_excess(rows, kind), 1.0, "lower")
        found |= _batches(rows, kind)
    for effort, goal in (("default", 0.95), ("accurate", 0.99)):
        recalls = [row["recall"] for row in _where(rows, operation="recall", effort=effort)]
        found[f"recall_{effort}"] = (min(recalls, default=None), goal, "higher")
    ours = _one(rows, "vectors_per_s", engine=OURS, operation="ingest")
    best = max((row["vectors_per_s"] for row in _stores(rows) if "vectors_per_s" in row), default=None)
    found["ingest_to_best_store"] = (_over(ours, best), None, "higher")
    used = _one(rows, "bytes_per_vector", engine=OURS, operation="ingest")
    found["memory_to_vector_and_links"] = (_over(used, DIMENSION * 4 + M * 8), 1.3, "lower")
    for row in rows:
        if row["operation"] == "filtered":
            share = f"{row['share'] * 100:g}_percent"
            found[f"filter_{share}_full_k"] = (row["full_k"], 1.0, "higher")
            found[f"filter_{share}_recall"] = (row["recall"], 0.99, "higher")
    return {
        name: Ratio(round(value, 3), goal, better)
        for name, (value, goal, better) in found.items()
        if value is not None
    }


def _batches(rows: Sequence[Row], kind: str) -> Found:
    found: Found = {}
    for size in (32, 256):
        ours = _one(rows, "queries_per_s", engine=OURS, operation=f"batch_search{kind}", batch=size)
        raw = _one(rows, "queries_per_s", engine=RAW, batch=size)
        found[f"batch_{size}{kind}_to_raw_faiss"] = (_over(ours, raw), 0.8, "higher")
        asked = [row for row in rows if row.get("batch") == size]
        best = max((row["queries_per_s"] for row in _stores(asked)), default=None)
        found[f"batch_{size}{kind}_to_best_store"] = (_over(ours, best), 1.0, "higher")
    return found


def _excess(rows: Sequence[Row], kind: str) -> float | None:
    ours = [row["p50_ms"] for row in _where(rows, engine=OURS, operation=f"search{kind}", clients=1)]
    echo = [row["p50_ms"] for row in _where(rows, engine=ECHO, operation=f"echo{kind}", clients=1)]
    raw = _one(rows, "p50_ms", engine=RAW, batch=1)
    if not (ours and echo) or raw is None:
        return None
    excess = statistics.median(float(a - b) for a, b in zip(ours, echo, strict=True)) - raw
    return excess / EXCESS_MS


def _ratio(ours: list[float], theirs: list[float]) -> float | None:
    """The median over rounds: a machine drifts, and a round's two loads are neighbours."""
    if not (ours and theirs):
        return None
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _rates(rows: Sequence[Row], engine: str, operation: str, clients: int) -> list[float]:
    found = _where(rows, engine=engine, operation=operation, clients=clients)
    return [row["queries_per_s"] for row in found]


def _stores(rows: Sequence[Row]) -> list[Row]:
    """Rows of the other stores; libraries are none."""
    return [row for row in rows if row["engine"] not in (OURS, ECHO, *LIBRARIES)]


def _over(value: float | None, other: float | None) -> float | None:
    return None if value is None or not other else value / other


def _one(rows: Sequence[Row], figure: str, **where: Any) -> float | None:
    return next((float(row[figure]) for row in _where(rows, **where) if figure in row), None)


def _where(rows: Sequence[Row], **where: Any) -> list[Row]:
    return [row for row in rows if all(row.get(name) == value for name, value in where.items())]
