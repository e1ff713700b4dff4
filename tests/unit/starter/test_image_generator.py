"""The generator keeps its format, and truncation does what it says."""

import json
from pathlib import Path

import pytest
import torch

from starter.image import gan, generator


@pytest.fixture(scope="module")
def model() -> generator.Generator:
    torch.manual_seed(0)
    model = generator.Generator().eval()
    model.measure_average()
    return model


@torch.no_grad()
def test_truncation_pulls_towards_the_average_of_the_label(model: generator.Generator) -> None:
    latents, labels = torch.randn(3, 64), torch.tensor([5, 5, 6])
    full, half, none = (model(latents, labels, psi) for psi in (1.0, 0.5, 0.0))
    assert full.shape == (3, 3, 64, 64) and full.abs().max() <= 1
    assert torch.equal(none[0], none[1]) and not torch.equal(none[0], none[2])
    assert not torch.equal(full[0], full[1])
    assert (half - none).abs().mean() < (full - none).abs().mean()


@torch.no_grad()
def test_a_saved_generator_is_the_same(model: generator.Generator, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    config = json.loads((tmp_path / "config.json").read_text())
    assert len(config["labels"]) == 48 and config["labels"][0] == "red circle"
    again = generator.load(tmp_path)
    latents, labels = torch.randn(2, 64), torch.tensor([0, 47])
    assert torch.equal(model(latents, labels, 0.7), again(latents, labels, 0.7))


def test_training_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gan, "BATCH", 4)
    first, again = gan.train(tmp_path, seed=0, steps=1), gan.train(tmp_path, seed=0, steps=1)
    further = gan.train(tmp_path, seed=0, steps=2)
    assert torch.equal(first.start, again.start) and not torch.equal(first.start, further.start)
    assert further.average.abs().sum() > 0
