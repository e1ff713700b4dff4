"""Scenes: one or two coloured shapes, where they are, and what they are on."""

from __future__ import annotations

import random
from dataclasses import dataclass

SIZE = 64  # pixels a side
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
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")
RADII = {"small": (7.5, 8.5), "medium": (10.5, 11.5), "large": (13.2, 14.0)}  # half a side, in pixels
SIZES = tuple(RADII)
# Columns and rows of the nine positions of a single thing; their centres are 15 pixels apart.
COLUMNS, ROWS = ("left", "", "right"), ("top", "", "bottom")
POSITIONS = tuple(f"{row} {column}".strip() or "centre" for row in ROWS for column in COLUMNS)
# Where the first of two things is, seen from the second.
RELATIONS = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}
DEFAULT_BACKGROUND = "white"
PAIRS = 0.6  # share of the scenes with two things


@dataclass(frozen=True)
class Thing:
    """One coloured shape."""

    size: str
    colour: str
    shape: str

    @property
    def held_out(self) -> bool:
        """Whether training never shows this size, colour and shape together: a tenth of all 144.

        Of each colour and shape at most one size is missing, so that every two attributes do meet.
        """
        code = list(COLOURS).index(self.colour) + 7 * SHAPES.index(self.shape) + 3 * SIZES.index(self.size)
        return code % 10 == 0


@dataclass(frozen=True)
class Scene:
    """One thing at a position, or two of different colours, the first of them `place` the second."""

    things: tuple[Thing, ...]
    place: str
    background: str

    @property
    def held_out(self) -> bool:
        """Whether it shows a combination of size, colour and shape that training never does."""
        return any(thing.held_out for thing in self.things)

    @property
    def canonical(self) -> Scene:
        """The same picture with the upper or left thing first."""
        if self.place in ("below", "right of"):
            return Scene(self.things[::-1], RELATIONS[self.place], self.background)
        return self


def sample_scene(rng: random.Random, *, held_out: bool | None = False) -> Scene:
    """A random scene: of training combinations (False), with a held-out one (True), or either (None)."""
    names = list(COLOURS)
    while True:
        # A quarter of all scenes have the default background, since captions may leave it out.
        background = DEFAULT_BACKGROUND if rng.random() < 0.15 else rng.choice(names)
        count = 2 if rng.random() < PAIRS else 1
        colours = rng.sample([name for name in names if name != background], count)
        things = tuple(Thing(rng.choice(SIZES), colour, rng.choice(SHAPES)) for colour in colours)
        place = rng.choice(tuple(RELATIONS) if count == 2 else POSITIONS)
        scene = Scene(things, place, background)
        if held_out in (None, scene.held_out):
            return scene


def layout(scene: Scene, rng: random.Random) -> list[tuple[float, float, float]]:
    """Centre x, centre y and radius in pixels of each thing, all inside the picture and apart."""
    radii = [rng.uniform(*RADII[thing.size]) for thing in scene.things]
    if len(radii) == 1:
        row, column = divmod(POSITIONS.index(scene.place), 3)
        x, y = (SIZE / 2 + 15 * (cell - 1) + rng.uniform(-3, 3) for cell in (column, row))
        return [(x, y, radii[0])]
    upright = scene.place in ("above", "below")
    if scene.canonical is not scene:
        return layout_pair(radii[::-1], upright, rng)[::-1]
    return layout_pair(radii, upright, rng)


def layout_pair(radii: list[float], upright: bool, rng: random.Random) -> list[tuple[float, float, float]]:
    """Two things along one axis, 3 to 5 pixels apart or more where they are small, and nearly in line."""
    first, second = radii
    # The centres are 20 pixels apart at least, and at most 10 out of line: no relation is in doubt.
    gap = max(rng.uniform(3, 5), 20 - first - second)
    start = rng.uniform(1, SIZE - 1 - gap - 2 * (first + second))
    along = (start + first, start + 2 * first + gap + second)
    across = [SIZE / 2 + rng.uniform(-5, 5) for _ in radii]
    places = zip(along, across, radii, strict=True)
    return [(b, a, r) if upright else (a, b, r) for a, b, r in places]
