"""Options of commands that ask questions of documents. Parameters are named as the client's `ask` names them."""

from typing import Annotated, Any

import typer
from quadrille_client.types.rag import AskOptions, InjectionDefence, SupportMethod
from quadrille_client.types.retrieval import SearchMode

from quadrille_cli.options import given

Passages = Annotated[int, typer.Option(min=1, max=32, help="Passages to answer from.")]
Mode = Annotated[SearchMode | None, typer.Option(help="What ranks the passages.", show_default=False)]
Mmr = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Vary the passages: weight of relevance against novelty.", show_default=False
    ),
]
Rerank = Annotated[
    str | None,
    typer.Option(help='Model that picks the passages out of more; "" for the default.', show_default=False),
]
MinRelevance = Annotated[float | None, typer.Option(help="Least relevance of a passage.", show_default=False)]
Support = Annotated[
    SupportMethod | None,
    typer.Option(help="How sentences are judged; embedding where a model can.", show_default=False),
]
SupportedOnly = Annotated[
    bool, typer.Option("--supported-only", help="Keep only sentences that a passage supports.")
]
Defence = Annotated[
    InjectionDefence | None,
    typer.Option(
        "--defence",
        help="What is done about passages that read like instructions; take_out when left out.",
        show_default=False,
    ),
]


def ask_options(context: typer.Context) -> dict[str, Any]:
    """Those options of the client's `ask` that the command was given, which need not be named once more."""
    return given(**{name: context.params.get(name) for name in AskOptions.__optional_keys__})
