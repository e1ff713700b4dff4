"""What every adapter of SafetyChecker keeps."""

import numpy as np
import pytest
import torch
from imagegen.domain import Pixels
from imagegen.safety.base import SafetyChecker
from imagegen.safety.clip import load_clip_checker
from imagegen.testing import save_tiny_safety_checker


@pytest.fixture(scope="module", params=["clip"])
def checker(tmp_path_factory: pytest.TempPathFactory) -> SafetyChecker:
    folder = save_tiny_safety_checker(tmp_path_factory.mktemp("safety"))
    return load_clip_checker(folder, torch.device("cpu"), torch.float32)


def flat(count: int) -> list[Pixels]:
    colours = np.random.default_rng(0).integers(0, 256, (count, 3), dtype=np.uint8)
    return [np.broadcast_to(colour, (24, 16, 3)).copy() for colour in colours]


def test_some_images_are_flagged_and_others_pass(checker: SafetyChecker) -> None:
    flagged = [bool(flags) for flags in checker.check(flat(32))]
    assert 0 < sum(flagged) < 32


def test_flags_are_in_order_above_their_threshold_and_named(checker: SafetyChecker) -> None:
    for flags in checker.check(flat(32)):
        scores = [flag.score for flag in flags]
        assert scores == sorted(scores, reverse=True)
        assert all(score > 0 and flag.category for score, flag in zip(scores, flags, strict=True))
        assert len({flag.category for flag in flags}) == len(flags)


def test_an_image_is_judged_alike_whoever_comes_along(checker: SafetyChecker) -> None:
    images = flat(6)
    together = checker.check(images)
    assert together == [checker.check([image])[0] for image in images]
    assert together[::-1] == checker.check(images[::-1])
    assert checker.check([]) == []


def test_images_of_any_size_are_taken_and_left_as_they_are(checker: SafetyChecker) -> None:
    for shape in ((1, 1, 3), (8, 300, 3), (300, 8, 3)):
        image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
        before = image.copy()
        assert len(checker.check([image])) == 1
        assert np.array_equal(image, before)
