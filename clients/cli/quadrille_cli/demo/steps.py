"""Steps that run one after another; one that fails is told of, and the rest still run."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import grpc
from quadrille_client import QuadrilleError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quadrille_cli.failures import Failed, sentence


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step went; `problem` is None when it went well."""

    title: str
    seconds: float
    problem: str | None


class Steps:
    """Runs steps and remembers their outcomes."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self.outcomes: list[Outcome] = []

    def run(self, title: str, step: Callable[[], None]) -> None:
        """Run a step under its title. What it raises for a reason is its problem; a bug is not caught."""
        self._console.rule(Text(title, style="bold"), align="left")
        begun = time.monotonic()
        problem = None
        try:
            step()
        except (QuadrilleError, Failed, OSError, grpc.RpcError) as error:
            problem = sentence(error)
            self._console.print(Text(problem, style="red"))
        self.outcomes.append(Outcome(title, time.monotonic() - begun, problem))

    @property
    def failed(self) -> list[str]:
        """Titles of the steps that failed."""
        return [outcome.title for outcome in self.outcomes if outcome.problem is not None]

    def table(self) -> Table:
        """A row a step."""
        table = Table("step", "seconds", "outcome", box=None)
        for item in self.outcomes:
            style, word = ("green", "ok") if item.problem is None else ("red", item.problem)
            table.add_row(item.title, f"{item.seconds:.1f}", Text(word, style=style))
        return table
