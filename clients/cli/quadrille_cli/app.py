"""The entry point `quadrille`."""

from pathlib import Path
from typing import Annotated

import typer
from quadrille_client import Tls

from quadrille_cli.commands import evaluate, keys
from quadrille_cli.commands.ask import ask
from quadrille_cli.commands.chat import chat
from quadrille_cli.commands.delete import delete
from quadrille_cli.commands.demo import demo
from quadrille_cli.commands.image import image
from quadrille_cli.commands.ingest import ingest
from quadrille_cli.commands.models import models
from quadrille_cli.commands.reembed import reembed
from quadrille_cli.commands.score import score
from quadrille_cli.commands.search import search
from quadrille_cli.commands.status import status
from quadrille_cli.commands.up import up
from quadrille_cli.connection import Connection
from quadrille_cli.failures import Commands

app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def connect(
    context: typer.Context,
    address: Annotated[
        str, typer.Option(envvar="QUADRILLE_ADDRESS", help="host:port of a gateway or of one service.")
    ] = "127.0.0.1:50050",
    api_key: Annotated[
        str | None, typer.Option(envvar="QUADRILLE_API_KEY", help="API key.", show_default=False)
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PEM authority to trust; turns TLS on.")
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="PEM certificate to show (mTLS); goes with --key."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PEM private key of that certificate.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds that a call may take.")] = 300.0,
) -> None:
    """Quadrille serves generative models over gRPC: text, images, retrieval, and answers from documents."""
    if (certificate is None) != (key is None):
        raise typer.BadParameter("--certificate and --key go together")
    if certificate is not None and ca is None:
        raise typer.BadParameter("--certificate needs --ca")
    if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise typer.BadParameter("--api-key must be printable ASCII without spaces")
    tls = None if ca is None else Tls(ca, certificate, key)
    context.obj = Connection(address, api_key, tls, timeout)


for command in (up, demo, status, models, chat, ask, ingest, delete, search, reembed, image, score):
    app.command()(command)
app.add_typer(keys.app, name="keys")
app.add_typer(evaluate.app, name="eval")


def main() -> None:
    """Run the command line."""
    app()
