"""The picture of a result: images a second by clients, and latency by load, a line an engine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from benchmarks.image.table import CASES, engines, measured
from benchmarks.markdown import Result
from starter.figures import style


def draw(result: Result, path: Path) -> None:
    """Ours are thick. Above: images a second in closed loops; below: mean latency (p95 dashed) by load in open ones."""
    with mpl.rc_context(style("image")):
        figure = Figure(figsize=(8.5, 6.5), layout="constrained")
        rates, latencies = figure.subplots(2, 2)
        colours = {engine: f"C{place}" for place, engine in enumerate(engines(result))}
        for case, above, below in zip(CASES, rates, latencies, strict=True):
            rows = measured(result, case)
            for engine, colour in colours.items():
                own = [row for row in rows if row["engine"] == engine and "mean_s" in row]
                looks = {"color": colour, "ms": 4, "lw": 2.5 if engine.startswith("quadrille") else 1}
                _line(above, own, "clients", "requests_per_s", "o-", looks)
                _line(below, own, "part", "p95_s", "o--", {**looks, "alpha": 0.5})
                _line(below, own, "part", "mean_s", "o-", looks)
            above.set(title=CASES[case].lower(), xlabel="clients", xscale="log", ylabel="images a second")
            above.set_ylim(bottom=0)
            clients = sorted({row["clients"] for row in rows if "clients" in row})
            above.set_xticks(clients, [str(count) for count in clients], minor=False)
            above.set_xticks([], minor=True)
            below.set(
                xlabel="load, of what one by one can do", ylabel="seconds: mean, p95 dashed", yscale="log"
            )
            below.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            below.yaxis.set_major_formatter(ScalarFormatter())
            below.yaxis.set_minor_formatter(NullFormatter())
        lines = [mpl.lines.Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
        figure.legend(handles=lines, loc="outside lower center", ncols=2, fontsize=8)
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def _line(axes: Axes, rows: list[Result], by: str, figure: str, marks: str, looks: Mapping[str, Any]) -> None:
    points = [(row[by], row[figure]) for row in rows if by in row]
    if points:
        axes.plot(*zip(*points, strict=True), marks, **looks)
