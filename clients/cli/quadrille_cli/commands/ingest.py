"""`quadrille ingest`: files and folders into a collection."""

from pathlib import Path
from typing import Annotated, Any

import typer
from quadrille_client import Client
from quadrille_client.files import walk
from quadrille_client.types.rag import ChunkUnit, FileRefused, FilesFinished
from quadrille_client.uploads import Outcome
from rich.text import Text

from quadrille_cli.connection import Connection
from quadrille_cli.failures import Failed
from quadrille_cli.options import DEFAULT_COLLECTION, AsJson, Collection, parse_fields
from quadrille_cli.output import console, emit_event, notes, progress


def ingest(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", exists=True)],
    collection: Collection = DEFAULT_COLLECTION,
    sync: Annotated[
        bool,
        typer.Option(
            "--sync", help="Send only what changed since, and delete documents whose files are gone."
        ),
    ] = False,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            "--metadata", help="name=value, kept with each document; may be repeated.", show_default=False
        ),
    ] = None,
    readers: Annotated[
        list[str] | None,
        typer.Option(
            "--reader",
            help="principal:NAME or group:NAME that may read the documents; may be repeated. Default: all.",
            show_default=False,
        ),
    ] = None,
    chunk_size: Annotated[
        int | None, typer.Option(min=16, max=8192, help="Units of a chunk at most.", show_default=False)
    ] = None,
    chunk_overlap: Annotated[
        int | None, typer.Option(min=0, help="Units that neighbours share.", show_default=False)
    ] = None,
    chunk_unit: Annotated[
        ChunkUnit | None, typer.Option(help="What size and overlap count.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read, cut, embed and store files: text, Markdown, HTML, PDF, JSON Lines, CSV."""
    options = {
        "metadata": parse_fields(metadata or [], "--metadata"),
        "readers": readers or (),
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
        "chunk_unit": chunk_unit,
    }
    connection: Connection = context.obj
    with connection.client() as client:
        end = ingest_files(client, collection, paths, sync=sync, as_json=as_json, **options)
    if not as_json:
        more = f", {end.skipped_count} unchanged, {end.removed_count} removed" if sync else ""
        console().print(
            f"{end.stored_count} files ({end.chunk_count} chunks written){more} in collection {end.collection}"
        )
    if end.refused_count:
        raise Failed(f"{end.refused_count} files were refused")


def ingest_files(
    client: Client,
    collection: str,
    paths: list[Path],
    *,
    sync: bool = False,
    as_json: bool = False,
    **options: Any,
) -> FilesFinished:
    """Ingest with a bar; refusals are printed as they come. Raises Failed without any file.

    A folder that is empty is not synchronized: it is more often one that was not mounted than one to be forgotten.
    """
    end = FilesFinished(collection, 0, 0, 0, 0)
    try:
        count = sum(1 for _ in walk(paths))
        if not count:
            raise Failed("there is no file to ingest: text, Markdown, HTML, PDF, JSON Lines and CSV are read")
        events = (client.sync if sync else client.ingest)(collection, paths, **options)
        with progress(quiet=as_json) as bar:
            task = bar.add_task("Ingesting", total=count)
            for event in events:
                if as_json:
                    emit_event(event)
                if isinstance(event, FilesFinished):
                    end = event
                else:
                    bar.update(task, advance=1, description=_described(event))
                if isinstance(event, FileRefused) and not as_json:
                    notes().print(Text(f"{event.id} was refused: {event.description}", style="yellow"))
    except ValueError as error:
        raise Failed(str(error)) from error
    return end


def _described(event: Outcome) -> str:
    return f"Ingesting {event.id[-40:]}".replace("[", "(")
