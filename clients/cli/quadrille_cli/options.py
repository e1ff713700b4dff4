"""Options that several commands share."""

import json
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines on stdout, and nothing else there.")]
Collection = Annotated[str, typer.Option("--collection", "-c", help="Name or alias of the collection.")]
Model = Annotated[str, typer.Option("--model", "-m", help="Model id; the default model when left out.")]
Temperature = Annotated[
    float | None, typer.Option(min=0, max=10, help="Softmax temperature; 0 is greedy.", show_default=False)
]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Tokens to generate at most.", show_default=False)]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        "-w",
        help="name=value: documents whose metadata say so; of several, all must.",
        show_default=False,
    ),
]
Name = Annotated[
    str,
    typer.Option(
        help="Name of this request: made again under it, it gets the same answer, and a broken stream goes on.",
        show_default=False,
    ),
]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed; random when left out.", show_default=False)]

DEFAULT_COLLECTION = "docs"


def parse_fields(pairs: list[str], option: str) -> dict[str, Any]:
    """Fields of metadata, each given as name=value; a value that is JSON is what it says, any other is text."""
    return dict(_parsed(pair, option) for pair in pairs)


def given(**options: object) -> dict[str, object]:
    """Those of the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def parse_where(pairs: list[str]) -> dict[str, Any] | None:
    """A filter of documents whose metadata are all as `--where` says; None when it says nothing."""
    fields = (_parsed(pair, "--where") for pair in pairs)
    conditions = [{"field": name, "equals": value} for name, value in fields]
    return {"all": conditions} if conditions else None


def _parsed(pair: str, option: str) -> tuple[str, Any]:
    name, equals, value = pair.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{pair!r} is not name=value", param_hint=option)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
