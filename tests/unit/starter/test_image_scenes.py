"""Scenes look like their captions, and the judge reads them."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starter.image.evaluate import read, score
from starter.image.scenes import COLOURS, SHAPES, SIZE, Scene, mask, render, sample_scene


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_caption_names_what_the_picture_shows(seed: int) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng, held_out=None)
    said = scene.caption(rng).split()
    assert scene.shape in said and scene.colour in said
    assert scene.size in said or not scene.size
    assert scene.background in said or scene.background == "white"
    seen = read(render(scene, rng))
    assert (seen.colour, seen.background, seen.shape) == (scene.colour, scene.background, scene.shape)


def test_held_out_combinations_are_a_tenth_and_never_drawn_for_training() -> None:
    every = [
        Scene(shape, colour, ground, "")
        for shape in SHAPES
        for colour in COLOURS
        for ground in COLOURS
        if colour != ground
    ]
    held_out = [scene for scene in every if scene.held_out]
    assert 0.05 < len(held_out) / len(every) < 0.15
    rng = random.Random(0)
    assert not any(sample_scene(rng).held_out for _ in range(500))
    assert all(sample_scene(rng, held_out=True).held_out for _ in range(20))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mask_is_inside_its_radius(shape: str) -> None:
    coverage = mask(shape, 32, 32, 10)
    assert coverage.shape == (SIZE, SIZE)
    rows, columns = np.nonzero(coverage)
    assert rows.min() >= 21 and rows.max() <= 42 and columns.min() >= 21 and columns.max() <= 42
    assert coverage[32, 32] == 1


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown shape 'star'"):
        mask("star", 32, 32, 10)


def test_the_judge_tells_wrong_pictures_from_right_ones() -> None:
    scene, other = Scene("circle", "red", "blue", "large"), Scene("square", "green", "white", "small")
    picture = render(scene, random.Random(0))
    assert score([scene], picture[None])["all"] == 1
    wrong = score([other], picture[None])
    assert wrong["colour"] == wrong["background"] == wrong["shape"] == wrong["size"] == wrong["all"] == 0


def test_an_empty_picture_shows_no_shape() -> None:
    assert read(np.full((SIZE, SIZE, 3), 0.1, dtype=np.float32)).shape == ""
