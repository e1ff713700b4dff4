"""`quadrille image`: pictures from a prompt, written as files."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from quadrille_client import Client
from quadrille_client.types.image import ImageResult, ImagesFinished, Progress, Sampler

from quadrille_cli.connection import Connection
from quadrille_cli.options import AsJson, Model, Name, Seed, given
from quadrille_cli.output import console, emit_event, notes, progress

_FORMATS = {".png": "png", ".jpeg": "jpeg", ".jpg": "jpeg", ".webp": "webp"}


def image(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help="What the images should show.")],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder, or a .png, .jpeg or .webp file for a single image."),
    ] = Path("out"),
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
    truncation: Annotated[
        float | None, typer.Option(min=0, max=1, help="Truncation of a generator.", show_default=False)
    ] = None,
    negative_prompt: Annotated[
        str | None, typer.Option("--negative", help="What they should not show.", show_default=False)
    ] = None,
    lora: Annotated[
        list[str] | None,
        typer.Option(help="LoRA adapter, name or name=scale; may be repeated.", show_default=False),
    ] = None,
    seed: Seed = None,
    model: Model = "",
    name: Name = "",
    as_json: AsJson = False,
) -> None:
    """Make images and write them as <out>/<seed>.png, or one as the file <out>."""
    if _format_of(out) is not None and count > 1:
        raise typer.BadParameter(f"{count} images need a folder, not the file {out}")
    connection: Connection = context.obj
    options = given(
        steps=steps,
        width=width,
        height=height,
        guidance_scale=guidance_scale,
        sampler=sampler,
        truncation=truncation,
        negative_prompt=negative_prompt,
        loras=dict(map(_scaled, lora)) if lora else None,
        seed=seed,
    )
    with connection.client(name) as client:
        paths = draw(
            client, prompt, out, as_json=as_json, on_finish=_tell, model=model, count=count, **options
        )
    if not as_json:
        for path in paths:
            console().out(str(path))


def draw(
    client: Client,
    prompt: str,
    out: Path,
    *,
    as_json: bool = False,
    on_finish: Callable[[ImagesFinished], None] = lambda _: None,
    **options: Any,
) -> list[Path]:
    """Make images with a bar; returns the files: `out` itself when it is named as one, else named by seed."""
    file_format = _format_of(out)
    if file_format is not None:
        options["format"] = file_format
    folder = out if file_format is None else out.parent
    folder.mkdir(parents=True, exist_ok=True)
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
                if event.safety is not None and event.safety.withheld:
                    notes().print(f"the image of seed {event.seed} is withheld by the safety filter")
                else:
                    path = out if file_format else out / f"{event.seed}.{event.image.format}"
                    path.write_bytes(event.image.data)
                    paths.append(path)
                    more = {"path": str(path)}
            if as_json:
                emit_event(event, **more)
            elif isinstance(event, ImagesFinished):
                on_finish(event)
    return paths


def _scaled(item: str) -> tuple[str, float]:
    """Name and scale of "name[=scale]"."""
    name, equals, scale = item.partition("=")
    try:
        return name, float(scale) if equals else 1.0
    except ValueError:
        raise typer.BadParameter(f"{item} is not name or name=scale") from None


def _tell(finished: ImagesFinished) -> None:
    """What the images cost, on stderr."""
    times = finished.timings
    seconds = (times.queue_ms + times.encode_ms + times.denoise_ms + times.decode_ms) / 1e3
    parts = [
        f"{finished.image_step_count} steps in {seconds:.2f} s, {times.queue_ms / 1e3:.2f} s of them waiting",
        f"{times.device_share_ms / 1e3:.2f} s of the device",
    ]
    if times.batch_occupancy is not None:
        parts.append(f"batches {times.batch_occupancy:.0%} full")
    if times.energy_joules is not None:
        parts.append(f"{times.energy_joules:.1f} J")
    notes().print("; ".join(parts), style="dim")


def _format_of(out: Path) -> str | None:
    """The format that a file's name asks for; None for a folder."""
    return None if out.is_dir() else _FORMATS.get(out.suffix.lower())
