"""`quadrille reembed`: a collection anew, with vectors of another model."""

from typing import Annotated

import typer

from quadrille_cli.connection import Connection
from quadrille_cli.failures import Failed
from quadrille_cli.options import AsJson
from quadrille_cli.output import console, emit, notes, progress


def reembed(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="Name or alias of the collection.")],
    target: Annotated[
        str, typer.Argument(help="Name of the new one; that of a stopped run to go on with it.")
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Model that embeds; the default model when left out.")
    ] = "",
    alias: Annotated[
        str, typer.Option(help="Alias to point at the new one at the end; SOURCE where that is an alias.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Copy a collection with vectors of another model, and swap its alias. Stop it at any time, and run it again."""
    connection: Connection = context.obj
    try:
        with connection.client() as client, progress(quiet=as_json) as bar:
            task = bar.add_task("Re-embedding", total=None)
            for event in client.reembed(source, target, alias=alias, model=model):
                if as_json:
                    emit(event)
                bar.update(task, total=event.document_count, completed=event.seen_count)
    except ValueError as error:
        raise Failed(str(error)) from error
    except KeyboardInterrupt:
        notes().print("Stopped; the same command goes on.")
        raise
    if not as_json:
        console().print(
            f"{event.copied_count} documents embedded, {event.deleted_count} deleted in collection {target}"
        )
