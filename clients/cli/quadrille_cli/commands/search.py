"""`quadrille search`: chunks of a collection."""

from typing import Annotated

import typer
from quadrille_client.types.retrieval import SearchMode
from rich.table import Table
from rich.text import Text

from quadrille_cli.connection import Connection
from quadrille_cli.options import DEFAULT_COLLECTION, AsJson, Collection
from quadrille_cli.output import console, emit


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    collection: Collection = DEFAULT_COLLECTION,
    mode: Annotated[SearchMode, typer.Option(help="What ranks the chunks.")] = "hybrid",
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, max=1000, help="Chunks at most.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Search by meaning, by words, or by both."""
    connection: Connection = context.obj
    with connection.client() as client:
        found = client.search(collection, query, mode=mode, top_k=top_k)
    if as_json:
        emit(found)
        return
    table = Table("score", "chunk", "passage", box=None)
    for hit in found.hits:
        table.add_row(f"{hit.score:.4f}", Text(hit.chunk_id), Text(" ".join(hit.text.split())[:160]))
    console().print(table)
    console().print(f"{len(found.hits)} chunks in {found.search_ms:.1f} ms")
