"""Measures the image model analytically: which colour, background and shape each picture shows.

Run at the repository's root: `python -m starter.image.evaluate [--out FILE]`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from diffusers import StableDiffusionPipeline
from rich.progress import track

from .scenes import COLOURS, SHAPES, SIZE, Scene, mask, render, sample_scene
from .vae import pictures

MODEL = Path(__file__).parent / "model"
STEPS, GUIDANCE_SCALE, BATCH = 20, 3.0, 16
MIN_IOU = 0.7


@dataclass(frozen=True)
class Reading:
    """What an analysed picture shows; `iou` is of the best-fitting ideal shape."""

    shape: str
    colour: str
    background: str
    radius: float
    iou: float


def nearest_colour(pixel: npt.NDArray[np.float32]) -> str:
    """The named colour at the least distance in RGB; `pixel` has shape (3,), in [0, 1]."""
    return min(COLOURS, key=lambda name: float(np.linalg.norm(pixel - np.array(COLOURS[name]) / 255)))


def read(picture: npt.NDArray[np.float32]) -> Reading:
    """Analyse a picture, shape (SIZE, SIZE, 3), in [0, 1].

    The background is the median of the border, the figure whatever differs from it; the shape is the
    ideal one, over all sizes around the figure's own centre, of highest intersection over union with it.
    """
    border = np.concatenate(
        [picture[:2].reshape(-1, 3), picture[-2:].reshape(-1, 3), picture[:, :2].reshape(-1, 3)]
    )
    background = np.median(border, axis=0)
    figure = np.linalg.norm(picture - background, axis=-1) > 0.25
    if figure.sum() < 20:
        return Reading("", "", nearest_colour(background), 0.0, 0.0)
    rows, columns = np.nonzero(figure)
    x, y = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
    half = (columns.max() - columns.min() + rows.max() - rows.min() + 2) / 4
    best = (0.0, "", 0.0)
    for shape, factor in itertools.product(SHAPES, np.linspace(0.85, 1.2, 15)):
        ideal = mask(shape, x, y, half * factor) > 0.5
        iou = float((ideal & figure).sum() / (ideal | figure).sum())
        best = max(best, (iou, shape, half * factor))
    colour = nearest_colour(np.median(picture[figure], axis=0))
    return Reading(best[1], colour, nearest_colour(background), float(best[2]), best[0])


def draw(pipeline: StableDiffusionPipeline, captions: list[str], seed: int = 0) -> npt.NDArray[np.float32]:
    """Pictures for `captions`, shape (len, SIZE, SIZE, 3), in [0, 1]; one seed per picture."""
    done = []
    for first in track(range(0, len(captions), BATCH), "drawing"):
        part = captions[first : first + BATCH]
        generators = [torch.Generator().manual_seed(seed + first + i) for i in range(len(part))]
        options = {
            "num_inference_steps": STEPS,
            "guidance_scale": GUIDANCE_SCALE,
            "height": SIZE,
            "width": SIZE,
        }
        done.append(pipeline(part, generator=generators, output_type="np", **options).images)
    return np.concatenate(done)


def score(scenes: list[Scene], drawn: npt.NDArray[np.float32]) -> dict[str, float]:
    """Shares of pictures that are right in each attribute, and in all of them at once."""
    right = dict.fromkeys(("colour", "background", "shape", "size", "all"), 0)
    for scene, picture in zip(scenes, drawn, strict=True):
        seen = read(picture)
        sized = (seen.radius < 16.5) == (scene.size == "small") if scene.size else True
        checks = {
            "colour": seen.colour == scene.colour,
            "background": seen.background == scene.background,
            "shape": seen.shape == scene.shape and seen.iou >= MIN_IOU,
            "size": sized,
        }
        for name, fine in checks.items():
            right[name] += fine
        right["all"] += all(checks.values())
    return {"pictures": len(scenes)} | {name: round(count / len(scenes), 3) for name, count in right.items()}


def evaluate(folder: Path = MODEL, *, count: int = 200) -> dict[str, object]:
    """All figures of the model card."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    parts = ("unet", "vae", "text_encoder")
    parameters = {name: sum(p.numel() for p in getattr(pipeline, name).parameters()) for name in parts}
    figures: dict[str, object] = {"parameters": parameters, "steps": STEPS, "guidance_scale": GUIDANCE_SCALE}
    for name, held_out in (("seen_combinations", False), ("held_out_combinations", True)):
        rng = random.Random(f"evaluation {name}")
        scenes = [sample_scene(rng, held_out=held_out) for _ in range(count)]
        ideal = np.stack([render(scene, rng) for scene in scenes])
        figures[name] = score(scenes, draw(pipeline, [scene.caption(rng) for scene in scenes]))
        # How often the judge itself is right, on pictures that are right by construction.
        figures[f"{name}_judge_on_true_pictures"] = score(scenes, ideal)
    x = pictures(random.Random("evaluation vae"), 128, SIZE)
    with torch.no_grad():
        decoded = pipeline.vae(x).sample.clamp(-1, 1)
    figures["vae_psnr_db"] = round(-10 * math.log10(float(((decoded - x) / 2).square().mean())), 2)
    return figures


def write(folder: Path, out: Path) -> None:
    """Print the figures of the model in `folder` and write them to `out`."""
    figures = json.dumps(evaluate(folder), indent=2)
    out.write_text(figures + "\n", encoding="utf-8")
    print(figures)


def main() -> None:
    """Evaluate the shipped model, or the one given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "evaluation.json")
    options = parser.parse_args()
    write(options.model, options.out)


if __name__ == "__main__":
    main()
