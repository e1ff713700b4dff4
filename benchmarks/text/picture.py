"""The picture of a result: tokens a second by number of streams, a line an engine."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from benchmarks.text.table import engines, generated
from starter.figures import style


def draw(result: dict[str, Any], path: Path) -> None:
    """Ours are thick; what is measured in int8 is dashed."""
    rows = generated(result)
    streams = sorted({count for _, count in rows})
    with mpl.rc_context(style("text")):
        figure = Figure(figsize=(8.5, 4.5), layout="constrained")
        axes = figure.subplots()
        shades = mpl.colormaps["tab20"]  # pairs of a dark and a light one
        axes.set_prop_cycle(color=[shades(place) for place in (*range(0, 20, 2), *range(1, 20, 2))])
        for engine in engines(result):
            found = [
                (count, rows[engine, count]["tokens_per_s"]) for count in streams if (engine, count) in rows
            ]
            dashed = "--" if engine.endswith(("int8", "Q8_0")) else "-"
            width = 2.5 if engine.startswith("quadrille") else 1
            axes.plot(*zip(*found, strict=True), f"o{dashed}", ms=4, lw=width, label=engine)
        axes.set(xscale="log", yscale="log", xlabel="streams", ylabel="tokens a second")
        axes.set_xticks(streams, [str(count) for count in streams])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        figure.legend(loc="outside right upper", fontsize=8)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
