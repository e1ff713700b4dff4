"""`quadrille search`: chunks of a collection."""

from typing import Annotated, Any

import typer
from quadrille_client.types.retrieval import SearchEffort, SearchMode
from rich.table import Table
from rich.text import Text

from quadrille_cli.connection import Connection
from quadrille_cli.failures import Failed
from quadrille_cli.options import DEFAULT_COLLECTION, AsJson, Collection, Where, given, parse_where
from quadrille_cli.output import console, emit


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    collection: Collection = DEFAULT_COLLECTION,
    mode: Annotated[SearchMode, typer.Option(help="What ranks the chunks.")] = "hybrid",
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, max=1000, help="Chunks at most.")] = 5,
    where: Where = None,
    min_score: Annotated[float | None, typer.Option(help="Least score.", show_default=False)] = None,
    mmr: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Vary the hits: weight of relevance against novelty.", show_default=False
        ),
    ] = None,
    group_size: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, help="Chunks of a document at most; -k counts documents.", show_default=False
        ),
    ] = None,
    effort: Annotated[
        SearchEffort | None,
        typer.Option(help="How hard an approximate index looks.", show_default=False),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            help="What hits carry: reference, passage, vector (shown with --json); may be repeated.",
            show_default="passage",
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(help='Model that orders what was found anew; "" for the default.', show_default=False),
    ] = None,
    embedding_model: Annotated[
        str, typer.Option(help="Model that embeds the query; the default model when left out.")
    ] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Tell how the chunks were found.")] = False,
    as_json: AsJson = False,
) -> None:
    """Search by meaning, by words, or by both."""
    connection: Connection = context.obj
    wanted = parse_where(where or [])
    options: dict[str, Any] = given(
        min_score=min_score,
        mmr=mmr,
        group_size=group_size,
        effort=effort,
        parts=part,
        rerank=rerank,
        filter=wanted,
    )
    try:
        with connection.client() as client:
            found = client.search(
                collection,
                query,
                mode=mode,
                top_k=top_k,
                embedding_model=embedding_model,
                explain=explain,
                **options,
            )
    except ValueError as error:
        raise Failed(str(error)) from error
    if as_json:
        emit(found)
        return
    table = Table("score", "chunk", "passage", box=None)
    for hit in found.hits:
        score = hit.score if hit.rerank_score is None else hit.rerank_score
        table.add_row(f"{score:.4f}", Text(hit.chunk_id), Text(" ".join(hit.text.split())[:160]))
    console().print(table)
    for name, value in (found.plan or {}).items():
        console().print(f"{name}: {value}")
    console().print(f"{len(found.hits)} chunks in {found.search_ms:.1f} ms")
