"""What is shown while a stack starts."""

from collections.abc import Mapping
from typing import Self

from rich.status import Status

from quadrille_cli.output import notes
from quadrille_cli.stack import State


class Loading:
    """A line on stderr that says how far each service is; gone when all serve."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._status = Status("Starting", console=notes())
        self._quiet = quiet

    def __enter__(self) -> Self:
        if not self._quiet:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def update(self, states: Mapping[str, State]) -> None:
        """Show the states."""
        self._status.update("   ".join(f"{name} {state}" for name, state in states.items()))
