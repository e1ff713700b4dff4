"""`quadrille status`: health of every service behind an address, models, versions."""

from importlib.metadata import version

import typer
from quadrille_client import Client, NotFoundError
from rich.table import Table

from quadrille_cli.commands.models import loaded, model_table
from quadrille_cli.connection import Connection
from quadrille_cli.failures import Failed
from quadrille_cli.options import AsJson
from quadrille_cli.output import console, emit, plain

SERVICES = (
    "",
    "quadrille.gateway.v1.RagService",
    "quadrille.text.v1.TextService",
    "quadrille.image.v1.ImageService",
    "quadrille.retrieval.v1.CollectionService",
    "quadrille.retrieval.v1.DocumentService",
    "quadrille.retrieval.v1.SearchService",
    "quadrille.retrieval.v1.AdminService",
    "quadrille.text.v1.AdapterService",
    "quadrille.image.v1.AdapterService",
)


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what serves; exit status 1 when something does not."""
    connection: Connection = context.obj
    with connection.client() as client:
        health = service_health(client)
        found = loaded(client) if any(health.values()) else []
    if as_json:
        emit(
            {
                "address": connection.address,
                "client_version": version("quadrille-client"),
                "services": {name or "server": serving for name, serving in health.items()},
                "models": [plain(model) for model in found],
            }
        )
    else:
        console().print(f"{connection.address}, client {version('quadrille-client')}")
        console().print(health_table(health))
        console().print(model_table(found))
    if down := [name or "server" for name, serving in health.items() if not serving]:
        raise Failed(f"not serving: {', '.join(down)}")


def service_health(client: Client) -> dict[str, bool]:
    """Whether each service behind this address serves; those that it does not know are left out."""
    health: dict[str, bool] = {}
    for name in SERVICES:
        try:
            health[name] = client.is_serving(name)
        except NotFoundError:
            continue
    return health


def health_table(health: dict[str, bool]) -> Table:
    """A row a service."""
    table = Table("service", "health", box=None)
    for name, serving in health.items():
        table.add_row(name or "server", "[green]SERVING[/green]" if serving else "[red]NOT_SERVING[/red]")
    return table
