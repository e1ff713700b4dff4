"""What the scaling study's points say: fitted laws with their ranges, and losses at equal compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from . import power_law

FIT_FROM = 100  # steps: twice the warm-up; before, all sizes learn the same
RESAMPLES = 300
Record = dict[str, Any]


def fitted_points(record: Record) -> list[dict[str, Any]]:
    """Points of a run at the constant rate, since those at its end have had a lower one."""
    return [point for point in record["points"] if point["steady"] and point["step"] >= FIT_FROM]


def _range(values: Sequence[float]) -> list[float]:
    return [float(value) for value in np.percentile(values, (5, 95))]


def laws(records: Sequence[Record], resamples: int = RESAMPLES, *, of: str = "loss") -> dict[str, Any]:
    """The law of size and data over all points, and the line of the compute frontier, with 90 % ranges.

    `of` is the loss to describe: "loss", that of all tokens, "answers" or "prose".
    """
    rows = [
        (run, record["parameters"]["all"], point["tokens"], point["flops"], point[of])
        for run, record in enumerate(records)
        for point in fitted_points(record)
    ]
    runs, sizes, tokens, flops, loss = (np.array(column, float) for column in zip(*rows, strict=True))
    law = power_law.fit(sizes, tokens, loss)
    predicted = law.loss(sizes, tokens)
    best = power_law.frontier(flops, loss)
    line = power_law.fit_line(flops[best], loss[best])
    again: list[dict[str, float]] = []
    for sample in power_law.resamples([int(run) for run in runs], resamples):
        other = power_law.fit(sizes[sample], tokens[sample], loss[sample], around=law)
        there = sample[power_law.frontier(flops[sample], loss[sample])]
        again.append(
            asdict(other)
            | {"size_share": _size_share(other)}
            | {"exponent": power_law.fit_line(flops[there], loss[there]).exponent}
        )
    ranges = {name: _range([found[name] for found in again]) for name in again[0]}
    on_line = line.scale / flops[best] ** line.exponent
    return {
        "law": asdict(law) | {"size_share": _size_share(law)},
        "law_quality": {
            "points": len(loss),
            "r_squared": power_law.r_squared(loss, predicted),
            "rms_residual": float(np.sqrt(np.mean(np.log(loss / predicted) ** 2))),
            "largest_residual": float(np.abs(np.log(loss / predicted)).max()),
        },
        "frontier": asdict(line),
        "frontier_quality": {
            "points": len(best),
            "r_squared": power_law.r_squared(loss[best], on_line),
            "rms_residual": float(np.sqrt(np.mean(np.log(loss[best] / on_line) ** 2))),
        },
        "ranges": ranges,
        "resamples": resamples,
    }


def _size_share(law: power_law.Law) -> float:
    """The exponent of compute by which the best size grows (Hoffmann et al., 2022, equation 4)."""
    total = law.alpha + law.beta
    return law.beta / total if total else 0.5


def at_compute(record: Record) -> Callable[[float], float | None]:
    """A run's loss by compute, in between its steady points a line in logarithms; None beyond them.

    One percent beyond still counts: runs that are compared differ by their routers.
    """
    points = [point for point in record["points"] if point["steady"]]
    x = np.log([point["flops"] for point in points])
    y = np.log([point["loss"] for point in points])

    def loss(flops: float) -> float | None:
        here = float(np.log(flops))
        if not x[0] - 0.01 <= here <= x[-1] + 0.01:
            return None
        return float(np.exp(np.interp(here, x, y)))

    return loss


def equal_compute(mixture: Record, others: dict[str, Record]) -> list[dict[str, Any]]:
    """The mixture's loss at its steady points, and that of the others after as much compute."""
    curves = {name: at_compute(record) for name, record in others.items()}
    return [
        {"flops": point["flops"], "mixture": point["loss"]}
        | {name: curve(point["flops"]) for name, curve in curves.items()}
        for point in mixture["points"]
        if point["steady"]
    ]
