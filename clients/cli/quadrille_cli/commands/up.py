"""`quadrille up`: the stack in the foreground."""

import contextlib
import dataclasses
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.text import Text

from quadrille_cli.connection import Connection
from quadrille_cli.failures import Failed
from quadrille_cli.loading import Loading
from quadrille_cli.options import AsJson
from quadrille_cli.output import console, emit, notes
from quadrille_cli.stack import Ports, Stack, local_stack


def up(
    context: typer.Context,
    data_dir: Annotated[Path, typer.Option(help="Folder that holds all that is kept.")] = Path("data"),
    port_base: Annotated[
        int | None,
        typer.Option(
            min=0, max=65528, help="First of eight ports; 0 picks free ones. Default: the documented."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="TOML file of options.")
    ] = None,
    grace: Annotated[float, typer.Option(min=0, help="Seconds that draining may take.")] = 35.0,
    as_json: AsJson = False,
) -> None:
    """Run the four services; print ready when all serve; Ctrl-C drains them.

    Where the options give the gateway certificates, --ca (and --certificate, --key) before the command ask it.
    """
    connection: Connection = context.obj
    ports = Ports() if port_base is None else Ports.from_base(port_base)
    if taken := ports.taken():
        raise Failed(f"ports {', '.join(map(str, taken))} are taken; choose others with --port-base")
    signal.signal(signal.SIGTERM, interrupt)
    try:
        with contextlib.ExitStack() as running:
            with Loading(quiet=as_json) as display:
                stack = running.enter_context(
                    local_stack(
                        data_dir,
                        ports=ports,
                        config=config,
                        tls=connection.tls,
                        grace_s=grace,
                        report=display.update,
                    )
                )
            _announce(stack, ports, as_json)
            stack.watch()
    except KeyboardInterrupt:
        if not as_json:
            notes().print("stopped")


def _announce(stack: Stack, ports: Ports, as_json: bool) -> None:
    http = str(stack.door.ready_url).removesuffix("/readyz")
    if as_json:
        pids = {service.name: stack.process(service.name).pid for service in stack.services}
        emit(
            {"event": "ready", "address": stack.address, "http": http, "logs": str(stack.log_dir)}
            | {"ports": dataclasses.asdict(ports), "pids": pids}
        )
        return
    console().print(Text("ready", style="green"))
    console().out(f"  gRPC   {stack.address}\n  HTTP   {http}/v1\n  logs   {stack.log_dir}\n  Ctrl-C drains")


def interrupt(number: int, frame: FrameType | None) -> None:
    """A signal handler that unwinds as Ctrl-C does, so that contexts drain."""
    raise KeyboardInterrupt
