"""`quadrille score`: how likely image files are."""

from pathlib import Path
from typing import Annotated

import typer
from quadrille_client.types.image import ScoreMethod
from rich.table import Table
from rich.text import Text

from quadrille_cli.connection import Connection
from quadrille_cli.options import AsJson, Model, Seed
from quadrille_cli.output import console, emit


def score(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="Image files of one size, at most 16.")
    ],
    method: Annotated[
        ScoreMethod | None, typer.Option(help="What is estimated, and how.", show_default=False)
    ] = None,
    prompt: Annotated[str, typer.Option(help="What they show; only by probability_flow.")] = "",
    samples: Annotated[
        int | None, typer.Option(min=1, max=64, help="Draws to average over.", show_default=False)
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Steps of the ODE; only by probability_flow.", show_default=False),
    ] = None,
    seed: Seed = None,
    model: Model = "",
    as_json: AsJson = False,
) -> None:
    """Score image files: bounds on their likelihood, in bits a dimension."""
    connection: Connection = context.obj
    with connection.client() as client:
        bounds = client.images.score(
            [path.read_bytes() for path in files],
            model=model,
            samples=samples,
            seed=seed,
            method=method,
            prompt=prompt,
            steps=steps,
        )
    if as_json:
        for path, bound in zip(files, bounds, strict=True):
            emit(bound, path=str(path))
        return
    table = Table("bits/dim", "nats", "standard error", "file", box=None)
    for path, bound in zip(files, bounds, strict=True):
        table.add_row(
            f"{bound.bits_per_dimension:.4f}",
            f"{bound.elbo:.1f}",
            f"{bound.standard_error:.1f}",
            Text(str(path)),
        )
    console().print(table)
