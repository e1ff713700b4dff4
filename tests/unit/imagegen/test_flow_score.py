import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from imagegen.domain import Bound, Pixels, ScoreMethod
from imagegen.events import RawBound
from imagegen.flow_score import FlowScoreTask, describe_flow
from imagegen.likelihood import LEVEL_WIDTH
from imagegen.models.base import DiffusionModel, ModelInput
from imagegen.models.pixel_diffusion import PixelDiffusionModel
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.pixels import to_tensor
from imagegen.probability_flow import EVALUATIONS_PER_STEP
from imagegen.prompts import PromptCache
from imagegen.samplers import SamplerBank
from imagegen.specs import ScorePlan

PICTURES = tuple(np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8))


class GaussianPixels(PixelDiffusionModel):
    """The ideal denoiser of images whose values are independent and normal."""

    mean, deviation = 0.2, 0.4

    def __init__(self, like: DiffusionModel) -> None:
        super().__init__(
            torch.nn.Linear(1, 1), SamplerBank({"num_train_timesteps": 1000}), like.description, like.device
        )
        self._alphas = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))

    def predict(self, rows: ModelInput) -> torch.Tensor:
        log_sigmas = 0.5 * np.log(1 / self._alphas - 1)
        sigma = math.exp(np.interp(float(rows.timesteps[0]), np.arange(1000), log_sigmas))
        clean_and_noise = rows.latents * math.hypot(1, sigma) - self.mean
        return sigma * clean_and_noise / (self.deviation**2 + sigma**2)


def bounds(
    model: DiffusionModel,
    images: Sequence[Pixels],
    prompts: PromptCache,
    *,
    draws: int = 2,
    steps: int = 2,
    prompt: str = "",
) -> list[Bound]:
    plan = ScorePlan(tuple(images), ScoreMethod.PROBABILITY_FLOW, steps)
    task = FlowScoreTask(1, model, plan, range(draws), prompt, prompts)
    with torch.inference_mode():
        task.begin()
        events = [event for step in range(task.stage.steps) for event in task.run(step)]
    assert task.next_stage() is None
    assert [event.index for event in events if isinstance(event, RawBound)] == list(range(len(images)))
    return [event.bound for event in events if isinstance(event, RawBound)]


def test_bits_of_images_from_a_known_distribution(
    families: dict[str, DiffusionModel], prompts: PromptCache
) -> None:
    model = GaussianPixels(families["ddpm"])
    random = np.random.default_rng(1)
    picture = ((random.normal(model.mean, model.deviation, (8, 8, 3)) + 1) * 127.5).round().clip(0, 255)
    (bound,) = bounds(model, [picture.astype(np.uint8)], prompts, draws=16, steps=24)
    variance = model.deviation**2 + (model.flow.sigmas[0] / model.flow.scale) ** 2
    normal = torch.distributions.Normal(model.mean, math.sqrt(variance))
    density = normal.log_prob(to_tensor([picture.astype(np.uint8)]).double()).sum().item()
    # Uniform noise of one level's width has a twelfth of its square as variance.
    dequantised = density - 192 * LEVEL_WIDTH**2 / 24 / variance
    assert 0 < bound.standard_error < 0.2
    assert bound.elbo == pytest.approx(
        dequantised + 192 * math.log(LEVEL_WIDTH), abs=4 * bound.standard_error + 0.02
    )
    assert bound.bits_per_dimension == pytest.approx(-bound.elbo / math.log(2) / 192)
    assert bound.dimensions == 192 and bound.reconstruction == bound.kl_divergence == 0


@pytest.mark.parametrize("name", ["ddpm", "dit", "sd3", "sdxl", "flux", "inpainting"])
def test_all_families_have_densities(
    name: str, families: dict[str, DiffusionModel], prompts: PromptCache
) -> None:
    model = families[name]
    together = bounds(model, PICTURES, prompts)
    assert all(math.isfinite(bound.elbo) and bound.standard_error > 0 for bound in together)
    assert {bound.dimensions for bound in together} == {math.prod(model.description.latent_shape)}
    (alone,) = bounds(model, PICTURES[2:], prompts)
    assert alone.elbo == pytest.approx(together[2].elbo, rel=1e-4)
    assert alone.elbo != pytest.approx(together[1].elbo, rel=1e-4)
    (single,) = bounds(model, PICTURES[2:], prompts, draws=1)
    assert single.standard_error == 0


def test_chunks_change_nothing(
    monkeypatch: pytest.MonkeyPatch, pipeline: StableDiffusionModel, prompts: PromptCache
) -> None:
    whole = bounds(pipeline, PICTURES, prompts, draws=3)
    monkeypatch.setattr("imagegen.flow_score._MAX_ROWS", 2)
    plan = ScorePlan(PICTURES, ScoreMethod.PROBABILITY_FLOW, 2)
    assert FlowScoreTask(1, pipeline, plan, range(3), "", prompts).stage.steps == 5 * 2 * EVALUATIONS_PER_STEP
    for one, other in zip(bounds(pipeline, PICTURES, prompts, draws=3), whole, strict=True):
        assert one.elbo == pytest.approx(other.elbo, rel=1e-4)
        assert one.standard_error == pytest.approx(other.standard_error, rel=1e-2)


def test_a_prompt_is_a_condition(pipeline: StableDiffusionModel, prompts: PromptCache) -> None:
    without, one, other = (
        bounds(pipeline, PICTURES[:1], prompts, prompt=text)[0].elbo for text in ("", "a", "b")
    )
    assert len({without, one, other}) == 3


def test_methods_say_what_they_are_of(
    pipeline: StableDiffusionModel, families: dict[str, DiffusionModel]
) -> None:
    assert "8-bit RGB levels" in describe_flow(families["ddpm"], 32)
    assert "no likelihood of the image" in describe_flow(pipeline, 32) and "32 steps" in describe_flow(
        pipeline, 32
    )
