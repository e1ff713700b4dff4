"""The picture of the scaling study."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ..figures import style
from .power_law import Law
from .scaling_analysis import Record

LAW = ("irreducible", "a", "alpha", "b", "beta")


def _loss_by_size(axes: Axes, study: Record, law: Law) -> None:
    dense = [study["sizes"][name] for name in study["dense"]]
    sizes = np.array([record["parameters"]["all"] for record in dense])
    wide = np.geomspace(sizes[0], sizes[-1])
    for index, point in enumerate(dense[0]["points"]):
        if point["steady"] and index % 2:
            found = [record["points"][index]["loss"] for record in dense]
            (line,) = axes.plot(sizes, found, "o", label=f"step {point['step']}")
            axes.plot(wide, law.loss(wide, point["tokens"]), color=line.get_color(), lw=1)
    axes.set(xscale="log", yscale="log", xlabel="parameters", ylabel="held-out loss (nats)")


def _loss_along(axes: Axes, study: Record, key: str, label: str) -> None:
    for name, record in study["sizes"].items():
        steady = [point for point in record["points"] if point["steady"]]
        style = "o-" if name in study["dense"] else "s--"
        axes.plot([p[key] for p in steady], [p["loss"] for p in steady], style, ms=3, lw=1, label=name)
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="held-out loss (nats)")


def _few_shot(axes: Axes, study: Record) -> None:
    dense = [study["sizes"][name] for name in study["dense"]]
    sizes = [record["parameters"]["all"] for record in dense]
    for name in dense[0]["few_shot"]:
        shares = [record["few_shot"][name] for record in dense]
        axes.plot(sizes, shares, "o-", ms=3, lw=1, label=name.replace("_", " ") + " shots")
    axes.set(xscale="log", ylim=(-0.02, 1.02), xlabel="parameters", ylabel="right answers")


def draw(study: Record, path: Path) -> None:
    """Four panels: loss by size with the fitted law, by tokens, by compute with the line, and accuracy by size."""
    fit = study["fit"]
    with mpl.rc_context(style("scaling")):
        figure = Figure(figsize=(10, 7.5), layout="constrained")
        (by_size, by_tokens), (by_compute, by_shots) = figure.subplots(2, 2)
        _loss_by_size(by_size, study, Law(**{name: fit["law"][name] for name in LAW}))
        _loss_along(by_tokens, study, "tokens", "tokens")
        _loss_along(by_compute, study, "flops", "compute (FLOPs)")
        ends = np.array(by_compute.get_xlim())
        line = fit["frontier"]
        by_compute.plot(ends, line["scale"] / ends ** line["exponent"], "k:", lw=1, label="frontier, fitted")
        _few_shot(by_shots, study)
        for axes in (by_size, by_tokens, by_compute, by_shots):
            axes.legend(fontsize=7)
            axes.yaxis.set_minor_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        figure.savefig(path, metadata={"Date": None, "Creator": None})
