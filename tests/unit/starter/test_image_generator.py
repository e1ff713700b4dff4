"""The generator is one that the image service loads, and its training goes on where it stopped."""

from pathlib import Path
from typing import Any

import pytest
import torch
from imagegen.models.gan import load_generator, read_config

from starter.image import gan, generator


def test_the_image_service_loads_a_saved_generator(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = generator.build_generator().eval()
    model.save(tmp_path)
    again = load_generator(tmp_path, read_config(tmp_path))
    assert len(again.config.labels) == 48 and again.config.labels[0] == "red circle"
    latents, labels = torch.randn(2, 64), torch.tensor([0, 47])
    with torch.no_grad():
        pictures = model(latents, labels, 0.7)
        assert pictures.shape == (2, 3, 64, 64) and torch.equal(pictures, again(latents, labels, 0.7))


def test_training_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gan, "BATCH", 4)
    monkeypatch.setattr(gan, "CRITIC_FROM", 0)
    monkeypatch.setattr(gan, "HEARD_FROM", -1)
    heard: list[bool] = []
    criticism = gan._criticism

    def counting(*arguments: Any, penalize: bool) -> torch.Tensor:
        heard.append(penalize)
        return criticism(*arguments, penalize=penalize)

    monkeypatch.setattr(gan, "_criticism", counting)
    first, again = gan.train(tmp_path, seed=0, steps=1), gan.train(tmp_path, seed=0, steps=1)
    further = gan.train(tmp_path, seed=0, steps=2)
    assert torch.equal(first.start.weight, again.start.weight)
    assert not torch.equal(first.start.weight, further.start.weight)
    assert further.average.abs().sum() > 0
    assert heard == [True, False]  # a step each, and the penalty not in each
