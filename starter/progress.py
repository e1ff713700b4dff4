"""The progress bar of a training stage, and the means it tells."""

from __future__ import annotations

from collections.abc import Iterator

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def steps(name: str, start: int, stop: int) -> Iterator[tuple[int, Progress]]:
    """Yield each step in [start, stop) with the bar, on which `print` writes above the line."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(name, total=stop, completed=start)
        for step in range(start, stop):
            yield step, progress
            progress.advance(task)


class Means:
    """Means over the steps since they were last taken, however many these are."""

    def __init__(self) -> None:
        self._totals: dict[str, float] = {}
        self._steps = 0

    def add(self, **values: float) -> None:
        """Count one step's values."""
        self._steps += 1
        for name, value in values.items():
            self._totals[name] = self._totals.get(name, 0.0) + value

    def take(self) -> str:
        """The means as text, and begin anew."""
        told = " ".join(f"{name} {total / self._steps:.4f}" for name, total in self._totals.items())
        self._totals, self._steps = {}, 0
        return told
