"""Scenes keep to their rules, whatever the seed."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from starter.image.scenes import (
    COLOURS,
    POSITIONS,
    RELATIONS,
    SHAPES,
    SIZE,
    SIZES,
    Thing,
    layout,
    sample_scene,
)

EVERY = [Thing(size, colour, shape) for size in SIZES for colour in COLOURS for shape in SHAPES]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_things_are_inside_apart_and_of_different_colours(seed: int) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng, held_out=None)
    colours = [thing.colour for thing in scene.things]
    assert len({*colours, scene.background}) == len(colours) + 1
    assert scene.place in (POSITIONS if len(colours) == 1 else RELATIONS)
    places = layout(scene, rng)
    for x, y, radius in places:
        assert radius <= min(x, y) and max(x, y) <= SIZE - radius
    if len(places) == 2:
        (x1, y1, r1), (x2, y2, r2) = places
        assert max(abs(x1 - x2), abs(y1 - y2)) >= r1 + r2 + 3 - 1e-9


@given(st.integers(0, 2**32))
def test_the_first_of_two_things_is_where_the_scene_says(seed: int) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng, held_out=None)
    if len(scene.things) == 2:
        (x1, y1, _), (x2, y2, _) = layout(scene, rng)
        said = {"above": y1 < y2, "below": y1 > y2, "left of": x1 < x2, "right of": x1 > x2}
        assert said[scene.place]
        other = scene.canonical
        assert other.place in ("above", "left of") and set(other.things) == set(scene.things)
        assert other.canonical == other


def test_a_tenth_of_the_combinations_is_held_out_and_never_drawn_for_training() -> None:
    held_out = [thing for thing in EVERY if thing.held_out]
    assert 0.08 < len(held_out) / len(EVERY) < 0.12
    # Each two attributes of a thing meet in training.
    seen = [thing for thing in EVERY if not thing.held_out]
    assert len({(thing.colour, thing.shape) for thing in seen}) == len(COLOURS) * len(SHAPES)
    assert len({(thing.colour, thing.size) for thing in seen}) == len(COLOURS) * len(SIZES)
    assert len({(thing.shape, thing.size) for thing in seen}) == len(SHAPES) * len(SIZES)
    rng = random.Random(0)
    assert not any(sample_scene(rng).held_out for _ in range(1000))
    assert all(sample_scene(rng, held_out=True).held_out for _ in range(50))
