"""`quadrille image`: pictures from a prompt, written as files."""

from pathlib import Path
from typing import Annotated, Any

import typer
from quadrille_client import Client
from quadrille_client.types.image import ImageResult, Progress, Sampler

from quadrille_cli.connection import Connection
from quadrille_cli.options import AsJson, Model, Seed, given
from quadrille_cli.output import console, emit_event, progress


def image(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help="What the images should show.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("out"),
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=16, help="Images to make.")] = 1,
    steps: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Denoising steps.", show_default=False)
    ] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Pixels.", show_default=False)] = None,
    height: Annotated[int | None, typer.Option(min=1, help="Pixels.", show_default=False)] = None,
    guidance_scale: Annotated[
        float | None, typer.Option("--guidance", min=0, max=50, help="Guidance scale.", show_default=False)
    ] = None,
    sampler: Annotated[Sampler | None, typer.Option(help="Sampler.", show_default=False)] = None,
    negative_prompt: Annotated[
        str | None, typer.Option("--negative", help="What they should not show.", show_default=False)
    ] = None,
    seed: Seed = None,
    model: Model = "",
    as_json: AsJson = False,
) -> None:
    """Make images and write them as <out>/<seed>.png."""
    connection: Connection = context.obj
    options = given(
        steps=steps,
        width=width,
        height=height,
        guidance_scale=guidance_scale,
        sampler=sampler,
        negative_prompt=negative_prompt,
        seed=seed,
    )
    with connection.client() as client:
        paths = draw(client, prompt, out, as_json=as_json, model=model, count=count, **options)
    if not as_json:
        for path in paths:
            console().out(str(path))


def draw(client: Client, prompt: str, out: Path, *, as_json: bool = False, **options: Any) -> list[Path]:
    """Make images with a bar; returns the files, named by seed."""
    out.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    with (
        progress(quiet=as_json) as bar,
        client.images.stream_generate(prompt, **options) as stream,
    ):
        task = bar.add_task("Denoising", total=None)
        for event in stream:
            more = {}
            if isinstance(event, Progress):
                bar.update(task, completed=event.step, total=event.step_count)
            elif isinstance(event, ImageResult):
                path = out / f"{event.seed}.{event.image.format}"
                path.write_bytes(event.image.data)
                paths.append(path)
                more = {"path": str(path)}
            if as_json:
                emit_event(event, **more)
    return paths
