"""What the rows amount to: ratios of ours to a peer's, most of them with a goal. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report import Better, Ratio

OURS, STRICT = "quadrille", "quadrille, strict"
SERIAL, BARE = "diffusers, one by one", "diffusers, bare pipeline"
STATIC, PADDED = "diffusers, static by steps", "diffusers, static padded"
CLOSED, OPEN = {"load": "closed", "clients": 8}, {"load": "open", "part": 0.8}
# Name, where both are measured, the figure, ours, the peer, the goal of ours to theirs.
RATIOS: tuple[tuple[str, dict[str, Any], str, str, str, float | None, Better], ...] = (
    (
        "uniform_8_rate_to_static",
        {"case": "uniform", **CLOSED},
        "requests_per_s",
        OURS,
        STATIC,
        0.95,
        "higher",
    ),
    ("uniform_0.8_latency_to_static", {"case": "uniform", **OPEN}, "mean_s", OURS, STATIC, None, "lower"),
    (
        "mixed_8_rate_to_one_by_one",
        {"case": "mixed", **CLOSED},
        "requests_per_s",
        OURS,
        SERIAL,
        None,
        "higher",
    ),
    ("mixed_8_rate_to_static", {"case": "mixed", **CLOSED}, "requests_per_s", OURS, STATIC, None, "higher"),
    ("mixed_8_rate_to_padded", {"case": "mixed", **CLOSED}, "requests_per_s", OURS, PADDED, None, "higher"),
    ("mixed_0.8_latency_to_static", {"case": "mixed", **OPEN}, "mean_s", OURS, STATIC, 0.7, "lower"),
    ("mixed_0.8_latency_to_padded", {"case": "mixed", **OPEN}, "mean_s", OURS, PADDED, 0.7, "lower"),
    ("mixed_0.8_p99_to_static", {"case": "mixed", **OPEN}, "p99_s", OURS, STATIC, None, "lower"),
    ("single_to_bare_pipeline", {"load": "alternated"}, "median_s", OURS, BARE, 1.05, "lower"),
    ("strict_8_rate_to_ours", {"case": "mixed", **CLOSED}, "requests_per_s", STRICT, OURS, None, "higher"),
)
# A small model leaves a GPU idle when it draws one image.
SMALL_ON_A_GPU = {"mixed_8_rate_to_one_by_one": 3.0}


def ratios(rows: Sequence[Mapping[str, Any]], *, small_on_a_gpu: bool = False) -> dict[str, Ratio]:
    """Those that can be made: one whose peer is absent is left out."""
    found = {}
    for name, where, figure, ours, peer, goal, better in RATIOS:
        values = [_value(rows, {"engine": engine, **where}, figure) for engine in (ours, peer)]
        if values[0] is not None and values[1]:
            aimed = SMALL_ON_A_GPU.get(name, goal) if small_on_a_gpu else goal
            found[name] = Ratio(round(values[0] / values[1], 3), aimed, better)
    return found


def _value(rows: Sequence[Mapping[str, Any]], where: Mapping[str, Any], figure: str) -> float | None:
    for row in rows:
        if all(row.get(name) == value for name, value in where.items()):
            value: float | None = row.get(figure)
            return value
    return None
