"""Procedural captioned scenes: one coloured shape on a plain background."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SIZE = 64  # pixels a side
SHAPES = ("square", "circle", "triangle")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "green": (30, 160, 50),
    "blue": (40, 70, 220),
    "yellow": (245, 220, 40),
    "purple": (140, 50, 170),
    "orange": (245, 140, 30),
    "black": (20, 20, 20),
    "white": (245, 245, 245),
}
RADII = {"small": (10, 13), "large": (20, 25), "": (11, 24)}  # half a side, in pixels
DEFAULT_BACKGROUND = "white"
SUPERSAMPLING = 2
WORDS = ("a", "an", "the", "of", "on", "picture", "background", "small", "large", *SHAPES, *COLOURS)


@dataclass(frozen=True)
class Scene:
    """What a picture shows; `size` is "", "small" or "large"."""

    shape: str
    colour: str
    background: str
    size: str

    @property
    def held_out(self) -> bool:
        """Whether this shape, colour and background never appear together in training (about 10 %)."""
        return zlib.crc32(f"{self.shape} {self.colour} {self.background}".encode()) % 10 == 0

    def caption(self, rng: random.Random) -> str:
        """A caption; the default background is left unsaid half of the time."""
        article = "an" if not self.size and self.colour == "orange" else "a"
        words = [rng.choice((article, article, "the")), self.size, self.colour, self.shape]
        if self.background != DEFAULT_BACKGROUND or rng.random() < 0.5:
            words += ["on", "an" if self.background == "orange" else "a", self.background, "background"]
        prefix = "a picture of " if rng.random() < 0.1 else ""
        return prefix + " ".join(word for word in words if word)


def sample_scene(rng: random.Random, *, held_out: bool | None = False) -> Scene:
    """A random scene, of the training combinations (False), the held-out ones (True) or either (None)."""
    while True:
        # A third of all scenes have the default background, since a caption may leave it out.
        background = DEFAULT_BACKGROUND if rng.random() < 1 / 3 else rng.choice(list(COLOURS))
        scene = Scene(
            rng.choice(SHAPES), rng.choice(list(COLOURS)), background, rng.choice(("", "small", "large"))
        )
        if scene.colour != background and held_out in (None, scene.held_out):
            return scene


def mask(shape: str, x: float, y: float, radius: float, size: int = SIZE) -> npt.NDArray[np.float32]:
    """Coverage of each pixel, shape (size, size), in [0, 1]."""
    fine = size * SUPERSAMPLING
    rows, columns = np.mgrid[0:fine, 0:fine].astype(np.float32) / SUPERSAMPLING + 0.5 / SUPERSAMPLING
    dx, dy = np.abs(columns - x), rows - y
    if shape == "square":
        inside = (dx <= radius * 0.9) & (np.abs(dy) <= radius * 0.9)
    elif shape == "circle":
        inside = dx**2 + dy**2 <= radius**2
    elif shape == "triangle":
        inside = (np.abs(dy) <= radius) & (dx <= (dy + radius) / 2)
    else:
        raise ValueError(f"unknown shape {shape!r}")
    blocks = inside.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING)
    coverage: npt.NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return coverage


def render(scene: Scene, rng: random.Random) -> npt.NDArray[np.float32]:
    """The picture, shape (SIZE, SIZE, 3), in [0, 1]; place and exact size come from `rng`."""
    radius = rng.uniform(*RADII[scene.size])
    slack = min(8.0, SIZE / 2 - radius - 2)
    x, y = (SIZE / 2 + rng.uniform(-slack, slack) for _ in range(2))
    coverage = mask(scene.shape, x, y, radius)[:, :, None]
    colour, background = (
        np.array(COLOURS[name], dtype=np.float32) / 255 for name in (scene.colour, scene.background)
    )
    picture: npt.NDArray[np.float32] = (coverage * colour + (1 - coverage) * background).astype(np.float32)
    return picture
