"""The classifier that cross-checks the judge learns from true pictures."""

import random
from pathlib import Path

import pytest
import torch

from starter.image import classifier
from starter.image.reader import SLOTS
from starter.image.render import render
from starter.image.scenes import sample_scene


def test_it_trains_and_answers_every_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "BATCH", 4)
    model = classifier.train(tmp_path, seed=0, steps=2)
    again = classifier.train(tmp_path, seed=0, steps=2)
    assert torch.equal(model.heads[0].weight, again.heads[0].weight)  # type: ignore[arg-type]
    rng = random.Random(0)
    scenes = [sample_scene(rng) for _ in range(130)]
    pictures = render(scenes, rng)
    logits = model(classifier.as_pixels(pictures))
    assert [part.shape for part in logits] == [(130, size) for _, _, size in SLOTS]
    assert len(classifier.right(model, scenes, pictures)) == 130
