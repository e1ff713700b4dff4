"""Reads a picture without any learned part: which things it shows, where, and on what background.

A thing is a connected component of what differs from the background; its colour is the nearest named
one, its shape and radius those of the best-fitting ideal shape (intersection over union).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .render import PALETTE, Array, masks
from .scenes import COLOURS, POSITIONS, RADII, SHAPES, SIZE, SIZES, Scene

MIN_DISTANCE = 0.25  # in RGB, of a thing's pixel to the background
MIN_PIXELS = 20
MOST_THINGS = 4  # are told apart; more are wrong anyway
MIN_IOU = 0.75
ATTRIBUTES = ("count", "background", "colour", "shape", "size", "place", "joint")
_WINDOW = 36  # pixels a side, holds the largest thing
_NUDGES = (-0.5, 0.0, 0.5)  # pixels
_FACTORS = (0.88, 0.94, 1.0, 1.06, 1.12)


@dataclass(frozen=True)
class Reading:
    """One thing as it is seen; centre and radius in pixels, `iou` of the best-fitting ideal shape."""

    colour: str
    shape: str
    x: float
    y: float
    radius: float
    iou: float

    @property
    def size(self) -> str:
        """The named size that the radius is nearest to."""
        return min(SIZES, key=lambda size: abs(sum(RADII[size]) / 2 - self.radius))


def _templates() -> dict[str, Array]:
    """Ideal shapes, shape (radii, nudges, window, window), of radius 5, 5.25 ... 16 pixels."""
    radii = np.arange(5, 16.25, 0.25, dtype=np.float32)
    middle = np.float32(_WINDOW / 2)
    found = {}
    for shape in SHAPES:
        grid = [(x, y, r) for r in radii for x in _NUDGES for y in _NUDGES]
        x, y, radius = (np.array(values, dtype=np.float32) for values in zip(*grid, strict=True))
        drawn = masks(shape, middle + x, middle + y, radius, _WINDOW)
        found[shape] = drawn.reshape(len(radii), len(_NUDGES) ** 2, _WINDOW, _WINDOW)
    return found


_TEMPLATES = _templates()


def nearest_colour(pixel: Array) -> str:
    """The named colour at the least distance in RGB; `pixel` has shape (3,), in [0, 1]."""
    return list(COLOURS)[int(np.argmin(np.linalg.norm(PALETTE - pixel, axis=1)))]


def read(picture: Array) -> tuple[str, list[Reading]]:
    """Background and at most MOST_THINGS things, largest first, of a picture, shape (SIZE, SIZE, 3), in [0, 1]."""
    border = [picture[0], picture[-1], picture[:, 0], picture[:, -1]]
    ground = np.median(np.concatenate(border), axis=0).astype(np.float32)
    away = np.linalg.norm(picture - ground, axis=-1)
    labels, count = ndimage.label(away > MIN_DISTANCE, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    kept = [i + 1 for i in np.argsort(-sizes, kind="stable") if sizes[i] >= MIN_PIXELS][:MOST_THINGS]
    return nearest_colour(ground), [_read_thing(picture, ground, away, labels == label) for label in kept]


def _read_thing(picture: Array, ground: Array, away: Array, part: Array) -> Reading:
    inner = part & (away >= 0.8 * np.quantile(away[part], 0.9))
    colour = np.median(picture[inner], axis=0)
    # How far each pixel is from the background towards the colour: coverage, edges included.
    towards = colour - ground
    near = ndimage.binary_dilation(part, np.ones((3, 3)))
    coverage = np.clip((picture - ground) @ towards / (towards @ towards), 0, 1) * near
    rows, columns = np.nonzero(coverage > 0.5)
    x, y = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
    half = max(columns.max() - columns.min() + 1, rows.max() - rows.min() + 1) / 2
    # A window with the thing's centre in its middle, up to half a pixel.
    left, top = (round(value - _WINDOW / 2) for value in (x, y))
    window = np.pad(coverage, _WINDOW)[top + _WINDOW : top + 2 * _WINDOW, left + _WINDOW : left + 2 * _WINDOW]
    best = (0.0, "", 0.0)
    for shape, templates in _TEMPLATES.items():
        for factor in _FACTORS:
            guess = half / 0.9 * factor if shape == "square" else half * factor
            index = min(len(templates) - 1, max(0, round((guess - 5) / 0.25)))
            shared = np.minimum(templates[index], window).sum(axis=(1, 2))
            union = np.maximum(templates[index], window).sum(axis=(1, 2))
            best = max(best, (float((shared / union).max()), shape, 5 + index * 0.25))
    return Reading(nearest_colour(colour), best[1], float(x), float(y), best[2], best[0])


def place(things: Sequence[Reading]) -> str:
    """The position of one thing, or where the first of two is, seen from the second."""
    if len(things) == 1:
        cells = [min(2, max(0, round((value - SIZE / 2) / 15) + 1)) for value in (things[0].y, things[0].x)]
        return POSITIONS[3 * cells[0] + cells[1]]
    dx, dy = things[0].x - things[1].x, things[0].y - things[1].y
    if abs(dx) > abs(dy):
        return "left of" if dx < 0 else "right of"
    return "above" if dy < 0 else "below"


def score(scene: Scene, picture: Array) -> dict[str, bool]:
    """Whether each attribute is right, of every thing at once; of things, the best pairing counts."""
    background, seen = read(picture)
    right: dict[str, bool] = {
        "count": len(seen) == len(scene.things),
        "background": background == scene.background,
    }
    orders = [seen, seen[::-1]] if len(seen) == 2 else [seen]
    found: list[dict[str, bool]] = [dict.fromkeys(ATTRIBUTES[2:6], False)]
    if right["count"]:
        found = [_compare(scene, order) for order in orders]
    best: dict[str, bool] = max(found, key=_count)
    right.update(best)
    right["joint"] = all(right.values())
    return right


def _count(checks: dict[str, bool]) -> int:
    return sum(checks.values())


def _compare(scene: Scene, seen: Sequence[Reading]) -> dict[str, bool]:
    pairs = list(zip(scene.things, seen, strict=True))
    return {
        "colour": all(thing.colour == reading.colour for thing, reading in pairs),
        "shape": all(thing.shape == r.shape and r.iou >= MIN_IOU for thing, r in pairs),
        "size": all(thing.size == reading.size for thing, reading in pairs),
        "place": place(seen) == scene.place,
    }
