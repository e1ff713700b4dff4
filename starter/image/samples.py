"""Draws the card's pictures: `python -m starter.image.samples` writes `samples.png`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from diffusers import StableDiffusionPipeline
from PIL import Image

from .evaluate import HERE, draw, load
from .models import GUIDANCE_SCALES
from .render import Array

CAPTIONS = (
    "a small red circle above a blue square",
    "a large green ring in the top left on a yellow background",
    "a medium purple triangle left of a small orange cross on black",
    "a large white diamond under a small black circle on a red background",
    "a small yellow cross at the bottom right on a blue background",
    "a large orange square to the right of a medium green diamond",
    "a medium black ring over a medium yellow ring on purple",
    "a large red triangle in the centre on an orange background",
)
COLUMNS, GAP = 4, 4  # pixels between pictures


def grid(pictures: Array) -> Array:
    """Pictures (n, h, w, 3) side by side in rows of COLUMNS, shape (H, W, 3), white between them."""
    rows = [pictures[i : i + COLUMNS] for i in range(0, len(pictures), COLUMNS)]
    padded = [np.pad(row, ((0, 0), (GAP, 0), (GAP, 0), (0, 0)), constant_values=1) for row in rows]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in padded], axis=0)


def main(out: Path = HERE / "samples.png") -> None:
    """Draw every caption once, with the first seeds."""
    pictures = draw(
        load(HERE / "model", StableDiffusionPipeline),
        list(CAPTIONS),
        guidance_scale=GUIDANCE_SCALES["unet"],
    )
    Image.fromarray((grid(pictures) * 255).round().astype(np.uint8)).save(out, optimize=True)


if __name__ == "__main__":
    main()
