import copy
import dataclasses

import numpy as np
import pytest
import torch
from imagegen.domain import HeldLora
from imagegen.models.base import ModelInput
from imagegen.models.lora import adapted
from imagegen.models.passes import FixedPasses, Passes
from imagegen.models.stable_diffusion import StableDiffusionModel
from serving.loras import Adapter


class Counting(StableDiffusionModel):
    """The tiny pipeline, which remembers the rows of its passes; with a `slope`, a row's place counts."""

    sizes: list[int]
    slope = 0.0

    def predict(self, rows: ModelInput) -> torch.Tensor:
        self.sizes.append(len(rows.latents))
        return super().predict(rows) + self.slope * torch.arange(len(rows.latents))[:, None, None, None]

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(latents))
        return super().decode(latents)


@pytest.fixture
def model(pipeline: StableDiffusionModel) -> Counting:
    counting = copy.copy(pipeline)
    counting.__class__ = Counting
    assert isinstance(counting, Counting)
    counting.sizes = []
    return counting


@pytest.fixture(autouse=True)
def no_gradients():  # type: ignore[no-untyped-def]
    with torch.inference_mode():
        yield


def rows_of(model: StableDiffusionModel, count: int) -> ModelInput:
    latents = torch.randn(count, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    (features,) = model.encode_prompt("a")
    condition = (features.expand(count, *features.shape),)
    return ModelInput(latents, torch.linspace(900.0, 1.0, count), condition, *[torch.ones(count)] * 2)


def test_rows_pass_as_they_come(model: Counting) -> None:
    Passes().predict(model, rows_of(model, 5))
    assert model.sizes == [5]


@pytest.mark.parametrize(("count", "sizes"), [(1, [4]), (4, [4]), (5, [4, 4]), (9, [4, 4, 4])])
def test_every_pass_has_the_fixed_number_of_rows(model: Counting, count: int, sizes: list[int]) -> None:
    passes, rows = FixedPasses(4), rows_of(model, count)
    first = passes.predict(model, rows)
    assert model.sizes[: -len(sizes)] == [4] * 4  # rows were moved to every place once
    model.sizes.clear()
    assert torch.equal(passes.predict(model, rows), first)
    assert model.sizes == sizes
    torch.testing.assert_close(first, model.predict(rows), atol=1e-5, rtol=0)


def test_places_are_tried_out_once_for_adapters_whatever_their_scales(model: Counting) -> None:
    passes, rows = FixedPasses(4), rows_of(model, 4)
    for digest, scale, tried in (("one", 1.0, 5), ("one", 0.5, 1), ("other", 0.5, 5)):
        model.sizes.clear()
        with adapted([HeldLora(Adapter("a", 1, 0, digest, {}), scale)]):
            passes.predict(model, rows)
        assert model.sizes == [4] * tried


def test_rows_whose_place_matters_pass_alone(model: Counting) -> None:
    model.slope = 1e-6
    passes, rows = FixedPasses(4), rows_of(model, 3)
    together = passes.predict(model, rows)
    assert model.sizes[-3:] == [1, 1, 1]
    torch.testing.assert_close(together, Passes().predict(model, rows), atol=1e-5, rtol=0)


def test_the_layout_of_memory_does_not_matter(model: Counting) -> None:
    passes, rows = FixedPasses(3), rows_of(model, 3)
    turned = rows.latents.to(memory_format=torch.channels_last)
    other = dataclasses.replace(rows, latents=turned)
    assert torch.equal(passes.predict(model, rows), passes.predict(model, other))
    assert torch.equal(passes.decode(model, rows.latents), passes.decode(model, turned))
    assert model.sizes[-6:] == [1] * 6


def test_images_are_encoded_one_by_one(model: Counting) -> None:
    levels = np.random.default_rng(0).random((3, 3, 16, 16), dtype=np.float32)
    pixels, passes = torch.from_numpy(levels) * 2 - 1, FixedPasses(4)
    for seeds in (None, (7, 8, 9)):
        together = passes.encode(model, pixels, seeds)
        torch.testing.assert_close(together, model.encode(pixels, seeds), atol=1e-5, rtol=0)
        alone = passes.encode(model, pixels[1:2], None if seeds is None else seeds[1:2])
        assert torch.equal(together[1:2], alone)
