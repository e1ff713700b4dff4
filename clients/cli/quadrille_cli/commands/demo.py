"""`quadrille demo`: start the stack, show all of it, stop."""

import dataclasses
import signal
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from quadrille_client import Client
from rich.console import Console

from quadrille_cli.commands.up import interrupt
from quadrille_cli.demo import corpus
from quadrille_cli.demo.showing import ALMANAC, DOCS, QUESTIONS, Showing
from quadrille_cli.demo.steps import Steps
from quadrille_cli.failures import Failed
from quadrille_cli.loading import Loading
from quadrille_cli.options import AsJson
from quadrille_cli.output import console, emit, notes
from quadrille_cli.stack import Ports, Stack, quadrille_services


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for images and logs.")] = Path("out/demo"),
    documents: Annotated[
        Path | None,
        typer.Option(
            "--corpus", exists=True, file_okay=False, help="Folder with a README.md.", show_default=False
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="TOML file of options.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a stack on free ports, ingest, ask, search, score, draw, show its health, and stop it."""
    signal.signal(signal.SIGTERM, interrupt)
    screen = notes() if as_json else console()
    paths = corpus.find(documents)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="quadrille-demo-") as data_dir:
        with Loading(quiet=as_json) as display:
            services = quadrille_services(Path(data_dir), Ports.free(), config)
            stack = Stack(services, out.resolve() / "logs", report=display.update)
            stack.start_ready()
        try:
            screen.print(f"{len(services)} services serve after {time.monotonic() - begun:.1f} s")
            steps = _show(stack, paths, out, screen)
            steps.run("Stop the stack", partial(_stop, stack, screen))
        finally:
            stack.stop()
    _conclude(steps, out, screen, as_json)


def _show(stack: Stack, paths: list[Path], out: Path, screen: Console) -> Steps:
    steps = Steps(screen)
    with Client(stack.address, timeout=120) as client:
        show = Showing(client, stack, out, screen)
        steps.run("Models", show.models)
        steps.run("Ingest an almanac", partial(show.ingest, ALMANAC, [corpus.ALMANAC]))
        steps.run("Ingest Quadrille's own documentation", partial(show.ingest, DOCS, paths))
        for question in QUESTIONS:
            steps.run(f"Ask: {question}", partial(show.ask, question))
        steps.run("Embed and search", show.search)
        steps.run("Score two continuations", show.score)
        steps.run("Draw", show.images)
        steps.run("Health and key metrics", show.health)
    return steps


def _stop(stack: Stack, screen: Console) -> None:
    statuses = stack.stop()
    screen.print("drained and stopped")
    if dirty := [f"{name} with {status}" for name, status in statuses.items() if status != 0]:
        raise Failed(f"ended uncleanly: {', '.join(dirty)}")


def _conclude(steps: Steps, out: Path, screen: Console, as_json: bool) -> None:
    screen.print(steps.table())
    screen.print(f"Images are in {out}, the services' logs in {out / 'logs'}; the data were temporary.")
    screen.print("Next: quadrille up, then quadrille ingest README.md docs and quadrille ask …")
    if as_json:
        for outcome in steps.outcomes:
            emit(dataclasses.asdict(outcome))
    if steps.failed:
        raise Failed(f"{len(steps.failed)} steps failed: {'; '.join(steps.failed)}")
