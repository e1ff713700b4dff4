"""Pictures show their scenes."""

import random

import numpy as np
import pytest

from starter.image.render import PALETTE, masks, render
from starter.image.scenes import COLOURS, SHAPES, SIZE, sample_scene


def one(value: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([value], dtype=np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mask_is_inside_its_radius(shape: str) -> None:
    coverage = masks(shape, one(32), one(30), one(10))[0]
    assert coverage.shape == (SIZE, SIZE) and coverage.dtype == np.float32
    rows, columns = np.nonzero(coverage > 0.01)
    assert rows.min() >= 20 and rows.max() <= 40 and columns.min() >= 22 and columns.max() <= 42
    assert coverage[30, 32] == (shape != "ring")
    assert coverage.min() >= 0 and coverage.max() <= 1


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown shape 'star'"):
        masks("star", one(32), one(32), one(10))


def test_pictures_hold_the_colours_of_their_scenes_and_no_others() -> None:
    rng = random.Random(3)
    scenes = [sample_scene(rng, held_out=None) for _ in range(300)]  # more than are drawn at once
    pictures = render(scenes, rng)
    assert pictures.shape == (300, SIZE, SIZE, 3) and pictures.dtype == np.float32
    names = list(COLOURS)
    for scene, picture in zip(scenes, pictures, strict=True):
        wanted = [scene.background, *(thing.colour for thing in scene.things)]
        distances = np.abs(picture[:, :, None] - PALETTE).max(axis=-1)
        solid = {names[i] for i in distances.argmin(axis=-1)[distances.min(axis=-1) < 1e-6]}
        assert solid == set(wanted)
        np.testing.assert_allclose(picture[0, 0], PALETTE[names.index(scene.background)], atol=1e-6)


def test_the_same_seed_draws_the_same_picture() -> None:
    scene = sample_scene(random.Random(4))
    first, second = (render([scene], random.Random(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
