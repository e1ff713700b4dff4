import json
from pathlib import Path
from typing import Any

import pytest
import torch
from imagegen.models.gan import GeneratorConfig, StyleGenerator, load_generator, read_config
from pydantic import ValidationError

GOOD: dict[str, Any] = {
    "image_size": 16,
    "block_size": 2,
    "latent_dim": 6,
    "style_dim": 8,
    "channels": [16, 8],
    "labels": ["a", "b", "c"],
}


@pytest.fixture(scope="module")
def generator() -> StyleGenerator:
    torch.manual_seed(0)
    generator = StyleGenerator(GeneratorConfig(**GOOD)).eval()
    generator.measure_average()
    return generator


@torch.no_grad()
def test_truncation_pulls_towards_the_average_of_the_label(generator: StyleGenerator) -> None:
    latents, labels = torch.randn(3, 6), torch.tensor([1, 1, 2])
    full, half, none = (generator(latents, labels, psi) for psi in (1.0, 0.5, 0.0))
    assert full.shape == (3, 3, 16, 16) and full.abs().max() <= 1
    assert torch.equal(none[0], none[1]) and not torch.equal(none[0], none[2])
    assert not torch.equal(full[0], full[1])
    assert (half - none).abs().mean() < (full - none).abs().mean()


@torch.no_grad()
def test_a_label_is_the_mixture_of_it_alone(generator: StyleGenerator) -> None:
    latents, labels = torch.randn(3, 6), torch.tensor([0, 2, 1])
    mixtures = torch.nn.functional.one_hot(labels, 3).float()
    torch.testing.assert_close(generator(latents, mixtures, 0.3), generator(latents, labels, 0.3))
    between = generator.map(latents, torch.tensor([[0.5, 0.5, 0.0]]).expand(3, 3))
    ends = [generator.map(latents, torch.full((3,), label)) for label in (0, 1)]
    assert all((between - end).abs().max() < (ends[0] - ends[1]).abs().max() for end in ends)


@torch.no_grad()
def test_a_saved_generator_is_the_same(generator: StyleGenerator, tmp_path: Path) -> None:
    generator.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config == {"architecture": "StyleGenerator", "default_truncation": 1.0, **GOOD}
    again = load_generator(tmp_path, read_config(tmp_path))
    latents, labels = torch.randn(2, 6), torch.tensor([0, 2])
    assert torch.equal(generator(latents, labels, 0.7), again(latents, labels, 0.7))


def test_weights_that_do_not_fit_are_refused_and_not_made_room_for(
    generator: StyleGenerator, tmp_path: Path
) -> None:
    generator.save(tmp_path)
    # Gigabytes, if they were allocated.
    wide = GeneratorConfig(**GOOD | {"latent_dim": 8192, "style_dim": 8192, "channels": [8192] * 2})
    for config in (wide, GeneratorConfig(**GOOD | {"labels": ["a", "b"]})):
        with pytest.raises(RuntimeError, match="size mismatch"):
            load_generator(tmp_path, config)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "Other"},
        {"image_size": 32},
        {"channels": []},
        {"channels": [16, 9]},
        {"channels": [16] * 11},
        {"labels": []},
        {"labels": ["a", "a"]},
        {"labels": ["a", ""]},
        {"latent_dim": 10**9},
        {"default_truncation": 1.5},
        {"code": "x"},
    ],
)
def test_wrong_configs_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GeneratorConfig(**GOOD | changes)
