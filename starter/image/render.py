"""Draws scenes, many at a time, from the signed distance of each pixel to each shape's edge."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .scenes import COLOURS, SHAPES, SIZE, Scene, layout

Array = npt.NDArray[np.float32]
BATCH = 256  # pictures drawn at once; more would leave the processor's cache
# shape (colours, 3)
PALETTE: Array = np.array([[level / 255 for level in rgb] for rgb in COLOURS.values()], dtype=np.float32)
SQUARE, ARM, RING = 0.9, 0.35, 0.56  # half side, half arm and inner radius, in radii


def distance(shape: str, dx: Array, dy: Array, radius: Array) -> Array:
    """Pixels outside (positive) or inside the edge of `shape` around the origin; arrays broadcast."""
    outside: Array = np.asarray(_distance(shape, dx, dy, radius), dtype=np.float32)
    return outside


def _distance(shape: str, dx: Array, dy: Array, radius: Array) -> Any:
    across = np.abs(dx)
    if shape == "circle":
        return np.hypot(dx, dy) - radius
    if shape == "ring":
        return np.abs(np.hypot(dx, dy) - radius * (1 + RING) / 2) - radius * (1 - RING) / 2
    if shape == "triangle":
        return np.maximum(dy - radius, (2 * across - dy - radius) * np.float32(5**-0.5))
    down = np.abs(dy)
    if shape == "square":
        return np.maximum(across, down) - radius * SQUARE
    if shape == "diamond":
        return (across + down - radius) * np.float32(0.5**0.5)
    if shape == "cross":
        long, short = np.maximum(across, down), np.minimum(across, down)
        return np.maximum(long - radius, short - radius * ARM)
    raise ValueError(f"unknown shape {shape!r}")


def masks(shape: str, x: Array, y: Array, radius: Array, size: int = SIZE) -> Array:
    """Coverage of each pixel, shape (n, size, size), in [0, 1]; x, y, radius in pixels, shape (n,)."""
    centres = np.arange(size, dtype=np.float32) + 0.5
    dx = centres[None, None, :] - x[:, None, None]
    dy = centres[None, :, None] - y[:, None, None]
    coverage: Array = np.clip(0.5 - distance(shape, dx, dy, radius[:, None, None]), 0, 1)
    return coverage


def render(scenes: Sequence[Scene], rng: random.Random) -> Array:
    """Pictures, shape (n, SIZE, SIZE, 3), in [0, 1]; exact places and sizes come from `rng`."""
    done = [_render(scenes[i : i + BATCH], rng) for i in range(0, len(scenes), BATCH)]
    return np.concatenate(done)


def _render(scenes: Sequence[Scene], rng: random.Random) -> Array:
    names = list(COLOURS)
    pictures = np.empty((len(scenes), 3, SIZE, SIZE), dtype=np.float32)
    pictures[:] = PALETTE[[names.index(scene.background) for scene in scenes]][:, :, None, None]
    drawn: dict[str, list[tuple[int, str, float, float, float]]] = {shape: [] for shape in SHAPES}
    for index, scene in enumerate(scenes):
        for thing, (x, y, radius) in zip(scene.things, layout(scene, rng), strict=True):
            drawn[thing.shape].append((index, thing.colour, x, y, radius))
    for shape, entries in drawn.items():
        # No two things of a scene overlap, but both may have this shape: one after the other.
        for part in (entries[::2], entries[1::2]):
            if not part:
                continue
            indices, colours, *numbers = zip(*part, strict=True)
            columns, rows, radii = [np.array(values, dtype=np.float32) for values in numbers]
            coverage = masks(shape, columns, rows, radii)[:, None]
            ink = PALETTE[[names.index(colour) for colour in colours]][:, :, None, None]
            pictures[list(indices)] += coverage * (ink - pictures[list(indices)])
    return pictures.transpose(0, 2, 3, 1)
