"""`quadrille delete`: documents out of a collection."""

from typing import Annotated

import typer

from quadrille_cli.connection import Connection
from quadrille_cli.options import DEFAULT_COLLECTION, AsJson, Collection, Where, parse_where
from quadrille_cli.output import console, emit


def delete(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of documents.", show_default=False)] = None,
    where: Where = None,
    collection: Collection = DEFAULT_COLLECTION,
    as_json: AsJson = False,
) -> None:
    """Delete documents by id, or by their metadata."""
    if bool(ids) == bool(where):
        raise typer.BadParameter("give ids, or --where, and not both")
    connection: Connection = context.obj
    with connection.client() as client:
        count = client.documents.delete(collection, ids=ids or (), filter=parse_where(where or []))
    if as_json:
        emit({"deleted_count": count})
    else:
        console().print(f"{count} documents deleted from collection {collection}")
