"""The judge reads true pictures right, and wrong ones wrong."""

import random
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from starter.image import judge
from starter.image.render import Array, render
from starter.image.scenes import (
    COLOURS,
    POSITIONS,
    RELATIONS,
    SHAPES,
    SIZE,
    SIZES,
    Scene,
    Thing,
    sample_scene,
)


def drawn(rng: random.Random) -> tuple[Scene, Array]:
    scene = sample_scene(rng, held_out=None)
    (picture,) = render([scene], rng)
    return scene, picture


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_true_pictures_are_right_in_every_attribute(seed: int) -> None:
    scene, picture = drawn(random.Random(seed))
    assert judge.score(scene, picture) == dict.fromkeys(judge.ATTRIBUTES, True)
    assert judge.score(scene.canonical, picture)["joint"]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_each_wrong_attribute_is_seen(seed: int) -> None:
    rng = random.Random(seed)
    scene, picture = drawn(rng)
    thing, *others = scene.things
    free = set(COLOURS) - {scene.background, *(thing.colour for thing in scene.things)}

    def other(**values: str) -> Scene:
        return replace(scene, things=(replace(thing, **values), *others))

    wrong = {
        "colour": other(colour=rng.choice(sorted(free))),
        "shape": other(shape=rng.choice([shape for shape in SHAPES if shape != thing.shape])),
        "size": other(size=rng.choice([size for size in SIZES if size != thing.size])),
        "background": replace(scene, background=rng.choice(sorted(free))),
    }
    for name, claim in wrong.items():
        verdict = judge.score(claim, picture)
        assert not verdict["joint"] and not verdict[name]
    places = POSITIONS if not others else tuple(RELATIONS)
    elsewhere = replace(scene, place=rng.choice([place for place in places if place != scene.place]))
    assert not judge.score(elsewhere, picture)["joint"]


def test_swapped_attributes_are_not_taken_for_the_right_ones() -> None:
    red, blue = Thing("small", "red", "circle"), Thing("large", "blue", "square")
    (picture,) = render([Scene((red, blue), "above", "white")], random.Random(0))
    swapped = Scene((replace(red, colour="blue"), replace(blue, colour="red")), "above", "white")
    assert not judge.score(swapped, picture)["joint"]
    assert judge.score(Scene((blue, red), "below", "white"), picture)["joint"]


def test_an_empty_and_a_noisy_picture_show_no_scene() -> None:
    scene = sample_scene(random.Random(0))
    empty = np.full((SIZE, SIZE, 3), 0.1, dtype=np.float32)
    assert judge.read(empty) == ("black", [])
    noise: Array = np.random.default_rng(0).random((SIZE, SIZE, 3), dtype=np.float32)
    for picture in (empty, noise):
        assert not judge.score(scene, picture)["joint"]
