"""`quadrille ingest`: files and folders into a collection."""

from pathlib import Path
from typing import Annotated

import typer
from quadrille_client import Client
from quadrille_client.files import walk
from quadrille_client.types.rag import FileRefused, FilesFinished, FileStored
from rich.text import Text

from quadrille_cli.connection import Connection
from quadrille_cli.failures import Failed
from quadrille_cli.options import DEFAULT_COLLECTION, AsJson, Collection
from quadrille_cli.output import console, emit_event, notes, progress


def ingest(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", exists=True)],
    collection: Collection = DEFAULT_COLLECTION,
    chunk_size: Annotated[
        int | None, typer.Option(min=64, max=8192, help="Characters of a chunk.", show_default=False)
    ] = None,
    chunk_overlap: Annotated[
        int | None, typer.Option(min=0, help="Characters that neighbours share.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read, cut, embed and store text, Markdown, HTML and PDF files."""
    connection: Connection = context.obj
    with connection.client() as client:
        end = ingest_files(client, collection, paths, chunk_size, chunk_overlap, as_json=as_json)
    if not as_json:
        console().print(
            f"{end.stored_count} files ({end.chunk_count} chunks written) in collection {end.collection}"
        )
    if end.refused_count:
        raise Failed(f"{end.refused_count} files were refused")


def ingest_files(
    client: Client,
    collection: str,
    paths: list[Path],
    chunk_size: int | None = None,
    chunk_overlap: int | None = None,
    *,
    as_json: bool = False,
) -> FilesFinished:
    """Ingest with a bar; refusals are printed as they come. Raises Failed without any file."""
    try:
        count = sum(1 for _ in walk(paths))
    except ValueError as error:
        raise Failed(str(error)) from error
    if not count:
        raise Failed("there is no file to ingest: text, Markdown, HTML and PDF are read")
    end = FilesFinished(collection, 0, 0, 0, 0)
    with progress(quiet=as_json) as bar:
        task = bar.add_task("Ingesting", total=count)
        for event in client.ingest(collection, paths, chunk_size=chunk_size, chunk_overlap=chunk_overlap):
            if as_json:
                emit_event(event)
            if isinstance(event, FilesFinished):
                end = event
            else:
                bar.update(task, advance=1, description=_described(event))
            if isinstance(event, FileRefused) and not as_json:
                notes().print(Text(f"{event.id} was refused: {event.description}", style="yellow"))
    return end


def _described(event: FileStored | FileRefused) -> str:
    return f"Ingesting {event.id[-40:]}".replace("[", "(")
