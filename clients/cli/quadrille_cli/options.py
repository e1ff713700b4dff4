"""Options that several commands share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines on stdout, and nothing else there.")]
Collection = Annotated[str, typer.Option("--collection", "-c", help="Name or alias of the collection.")]
Model = Annotated[str, typer.Option("--model", "-m", help="Model id; the default model when left out.")]
Temperature = Annotated[
    float | None, typer.Option(min=0, max=10, help="Softmax temperature; 0 is greedy.", show_default=False)
]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Tokens to generate at most.", show_default=False)]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed; random when left out.", show_default=False)]

DEFAULT_COLLECTION = "docs"


def given(**options: object) -> dict[str, object]:
    """Those of the options that were given."""
    return {name: value for name, value in options.items() if value is not None}
