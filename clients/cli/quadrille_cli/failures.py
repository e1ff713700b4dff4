"""Failures as one red sentence on stderr and exit status 1; usage errors stay with typer (2)."""

from typing import Any

import typer
from quadrille_client import QuadrilleError, UnavailableError
from rich.text import Text
from typer.core import TyperGroup

from quadrille_cli.output import notes
from quadrille_cli.stack import StackError


class Failed(Exception):
    """A command failed for a reason that its text gives."""


class Commands(TyperGroup):
    """The group of all commands: turns what they raise into a sentence."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (QuadrilleError, StackError, Failed, OSError) as error:
            said = sentence(error)
            if isinstance(error, UnavailableError) and not error.reason and ctx.obj is not None:
                said = f"no server answers at {ctx.obj.address} ({said}); quadrille up starts a stack"
            notes().print(Text(said, style="red"), soft_wrap=True)
            raise typer.Exit(1) from error


def sentence(error: Exception) -> str:
    """What went wrong, where, and how to find it in the server's log."""
    if not isinstance(error, QuadrilleError):
        return str(error)
    said = f"{error.code.name}: {error.message}"
    if error.field and error.field not in error.message:
        said = f"{said} (field {error.field})"
    if error.retry_after_s is not None:
        why = f"{error.reason}: " if error.reason else ""
        said = f"{said} ({why}try again in {error.retry_after_s:.3g} s)"
    return f"{said} [request {error.request_id}]" if error.request_id else said
