"""`quadrille models`: what is loaded, and what it can do."""

import typer
from quadrille_client import Client, NotFoundError, UnimplementedError
from quadrille_client.types.image import ImageModel
from quadrille_client.types.text import TextModel
from rich.table import Table

from quadrille_cli.connection import Connection
from quadrille_cli.options import AsJson
from quadrille_cli.output import console, emit


def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the loaded models of text and images."""
    connection: Connection = context.obj
    with connection.client() as client:
        found = loaded(client)
    if as_json:
        for model in found:
            emit(model, service="text" if isinstance(model, TextModel) else "image")
    else:
        console().print(model_table(found))


def loaded(client: Client) -> list[TextModel | ImageModel]:
    """The models of the services behind this address; a single service has its own only."""
    found: list[TextModel | ImageModel] = []
    for listing in (client.models, client.images.models):
        try:
            found += listing()
        except (UnimplementedError, NotFoundError):
            continue
    return found


def model_table(found: list[TextModel | ImageModel]) -> Table:
    """A row a model."""
    table = Table("model", "architecture", "can", "parameters", "runs on", box=None)
    for model in found:
        engine = f"{model.engine} " if isinstance(model, TextModel) else ""
        can = ", ".join(model.capabilities)
        place = f"{engine}{model.dtype} {model.device}"
        table.add_row(model.id, model.architecture, can, f"{model.parameter_count:,}", place)
    return table
