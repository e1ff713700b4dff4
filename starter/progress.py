"""The progress bar of a training stage."""

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
