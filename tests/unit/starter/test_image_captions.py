"""Captions say what scenes show."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from starter.image.captions import WORDS, caption, describe
from starter.image.models import MAX_TOKENS
from starter.image.scenes import sample_scene


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_a_caption_says_no_more_and_no_less_than_it_claims(seed: int, complete: bool) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng, held_out=None)
    text, said = describe(scene, rng, complete=complete)
    words = text.split()
    assert set(words) <= set(WORDS)
    # Two tokens frame a caption, and the last three of all are padding.
    assert len(words) + 1 <= MAX_TOKENS - 3
    for thing in said.things:
        noun = words.index(thing.shape, words.index(thing.colour))
        assert words[noun - 1] == thing.colour
        assert not thing.size or words[noun - 2] == thing.size
    assert said.background == scene.background
    assert said.background == "white" or words.count(said.background) >= 1
    if complete:
        assert said.canonical == scene.canonical


def test_captions_of_one_scene_vary() -> None:
    rng = random.Random(1)
    scene = sample_scene(rng)
    assert len({caption(scene, rng) for _ in range(40)}) > 10
