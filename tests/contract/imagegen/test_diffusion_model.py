"""What every adapter of DiffusionModel keeps."""

from dataclasses import replace

import pytest
import torch
from imagegen.domain import Conditioning, Guidance, ScoreMethod
from imagegen.models.base import DiffusionModel, ModelInput
from imagegen.models.passes import FixedPasses
from imagegen.probability_flow import EVALUATIONS_PER_STEP, LogDensity
from imagegen.testing.families import OF_MANY_CELLS, OF_TEXT
from serving.errors import InvalidInput

SEEING = ["inpainting", "inpainting_xl"]


@pytest.fixture(autouse=True)
def no_gradients():  # type: ignore[no-untyped-def]
    with torch.inference_mode():
        yield


def latents(model: DiffusionModel, rows: int) -> torch.Tensor:
    shape = (rows, *model.description.latent_shape)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(model.device)


def prompts(model: DiffusionModel, *texts: str) -> tuple[str, ...]:
    """`texts`, or as many prompts as the model takes."""
    match model.description.conditioning:
        case Conditioning.TEXT:
            return texts
        case Conditioning.LABEL:
            # From the end: the first two labels of DiT's are names of one class.
            return tuple(model.description.labels[-1 - i % 2] for i in range(len(texts)))
        case Conditioning.NONE:
            return ("",) * len(texts)


def inputs(model: DiffusionModel, rows: int, *texts: str) -> ModelInput:
    """Rows of noise at timesteps, truncations and guidance scales that differ."""
    _, height, width = model.description.latent_shape
    conditions = [model.encode_prompt(text) for text in prompts(model, *texts[:rows])]
    return ModelInput(
        torch.randn(rows, model.noise_channels, height, width, generator=torch.Generator().manual_seed(1)),
        torch.linspace(900.0, 10.0, rows),
        tuple(torch.stack(tensors) for tensors in zip(*conditions, strict=True)),
        torch.linspace(1.0, 0.25, rows),
        torch.linspace(1.0, 9.0, rows),
    )


def row(rows: ModelInput, index: int) -> ModelInput:
    one = slice(index, index + 1)
    condition = tuple(tensor[one] for tensor in rows.condition)
    return ModelInput(
        rows.latents[one], rows.timesteps[one], condition, rows.truncations[one], rows.guidance_scales[one]
    )


def test_conditions_of_all_prompts_have_equal_shapes(diffusion: DiffusionModel) -> None:
    about = diffusion.description
    texts = list(prompts(diffusion, "a dot", "many words " * 400))
    if about.conditioning is not Conditioning.LABEL or about.guidance is Guidance.CLASSIFIER_FREE:
        texts.append("")
    first, *others = (diffusion.encode_prompt(text) for text in texts)
    again = diffusion.encode_prompt(texts[0])
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    for other in others:
        assert [tensor.shape for tensor in other] == [tensor.shape for tensor in first]
        differ = any(not torch.equal(a, b) for a, b in zip(first, other, strict=True))
        assert differ == (about.conditioning is not Conditioning.NONE)


def test_conditioning_and_cells_are_those_of_the_family(diffusion: DiffusionModel) -> None:
    about = diffusion.description
    assert (about.conditioning is Conditioning.TEXT) == (about.id in OF_TEXT)
    assert (about.latent_shape[1] > 1) == (about.id in OF_MANY_CELLS)


@pytest.mark.parametrize("diffusion", OF_TEXT, indirect=True)
def test_special_tokens_and_any_script_are_text(diffusion: DiffusionModel) -> None:
    for text in ("<|endoftext|>", "<|startoftext|> x", "</s>", "狐 ß \x00 \ufffd", "\n\t "):
        assert all(torch.isfinite(tensor).all() for tensor in diffusion.encode_prompt(text))


def test_each_row_has_its_own_timestep_prompt_truncation_and_guidance(diffusion: DiffusionModel) -> None:
    rows = inputs(diffusion, 3, "a", "b", "c")
    together = diffusion.predict(rows)
    assert together.dtype == torch.float32
    assert together.shape == (3, *diffusion.description.latent_shape)
    for index in range(3):
        alone = diffusion.predict(row(rows, index))
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-4, rtol=1e-4)
    timed = bool(diffusion.description.samplers)
    truncated = diffusion.description.default_truncation is not None
    guided = diffusion.description.guidance is Guidance.DISTILLED
    for matters, changed in (
        (timed, replace(rows, timesteps=rows.timesteps.flip(0))),
        (truncated, replace(rows, truncations=rows.truncations.flip(0))),
        (guided, replace(rows, guidance_scales=rows.guidance_scales.flip(0))),
    ):
        assert torch.allclose(diffusion.predict(changed)[0], together[0], atol=1e-5) != matters
    if rows.condition:
        rolled = tuple(tensor.roll(-1, 0) for tensor in rows.condition)
        changed = replace(rows, condition=rolled)
        assert not torch.allclose(diffusion.predict(changed)[0], together[0], atol=1e-5)


def test_rows_in_fixed_passes_are_the_same_to_the_bit_in_any_company(diffusion: DiffusionModel) -> None:
    rows = inputs(diffusion, 5, "a dot", "b", "c", "a dot", "b")
    for passes in (FixedPasses(2), FixedPasses(4)):
        together = passes.predict(diffusion, rows)
        decoded = passes.decode(diffusion, together)
        for index in range(5):
            assert torch.equal(passes.predict(diffusion, row(rows, index))[0], together[index])
            assert torch.equal(passes.decode(diffusion, together[index : index + 1])[0], decoded[index])


def test_smallest_and_oblong_sizes(diffusion: DiffusionModel) -> None:
    about = diffusion.description
    one = about.size_granularity // diffusion.cell_size
    most = about.max_size // diffusion.cell_size
    for height, width in ((one, one), (min(3 * one, most), most), (most, one)):
        rows = torch.zeros(1, diffusion.noise_channels, height, width)
        condition = inputs(diffusion, 1, "a").condition
        prediction = diffusion.predict(
            ModelInput(rows, torch.ones(1), condition, torch.ones(1), torch.ones(1))
        )
        assert prediction.shape == (1, about.latent_shape[0], height, width)


def test_what_a_denoiser_sees_of_an_image_follows_the_prompts(diffusion: DiffusionModel) -> None:
    about, rows = diffusion.description, inputs(diffusion, 1, "a")
    size = about.default_height, about.default_width
    mask = torch.zeros(1, 1, *size)
    mask[..., : size[1] // 2] = 1.0
    hidden = diffusion.encode_context(*size)
    seen = diffusion.encode_context(*size, torch.rand(1, 3, *size), mask)
    assert bool(hidden) == bool(seen) == (about.id in SEEING)
    without, shown, covered = (
        diffusion.predict(replace(rows, condition=(*rows.condition, *(part[None] for part in context))))
        for context in ((), seen, hidden)
    )
    torch.testing.assert_close(covered, without, atol=1e-5, rtol=0)
    assert torch.allclose(shown, without, atol=1e-3) != (about.id in SEEING)


def test_every_sampler_makes_fresh_schedules(diffusion: DiffusionModel) -> None:
    about = diffusion.description
    for sampler in about.samplers or (None,):
        most = 1 if sampler is None else about.max_steps[sampler]
        for steps in (1, most):
            schedule = diffusion.schedule(sampler, steps)
            assert schedule.step_count == steps
            times = [schedule.timestep(step) for step in range(steps)]
            assert times == sorted(times, reverse=True) and times[-1] >= 0
            assert schedule.initial_sigma > 0


def test_probability_flows_lead_to_noise_and_can_be_differentiated(diffusion: DiffusionModel) -> None:
    if ScoreMethod.PROBABILITY_FLOW not in diffusion.description.score_methods:
        with pytest.raises(InvalidInput, match="has no probability flow"):
            print(diffusion.flow)
        return
    flow, rows = diffusion.flow, inputs(diffusion, 2, "a", "b")
    low, high = flow.sigmas
    assert 0 < low < high and 0 < flow.scale <= 1
    assert 0 <= flow.timestep(low) < flow.timestep(high) <= 1000
    data = latents(diffusion, 2)
    conditions = tuple(tensor.clone() for tensor in rows.condition)

    def predict(samples: torch.Tensor, timestep: float) -> torch.Tensor:
        times = torch.full((2,), timestep)
        return diffusion.predict(replace(rows, latents=samples, timesteps=times, condition=conditions))

    integral = LogDensity(flow, predict, data, torch.ones_like(data), 1)
    for _ in range(EVALUATIONS_PER_STEP):
        integral.evaluate()
    densities = integral.result()
    assert densities.shape == (2,) and torch.isfinite(densities).all() and densities[0] != densities[1]


def test_previews_are_small_pictures(diffusion: DiffusionModel) -> None:
    rows = latents(diffusion, 2)
    previews = diffusion.render_previews(rows)
    assert previews.shape == (2, 3, *rows.shape[2:])
    assert previews.min() >= -1 and previews.max() <= 1


@pytest.mark.parametrize("diffusion", OF_MANY_CELLS, indirect=True)  # one pixel resembles nothing
def test_previews_resemble_the_decoded_image(diffusion: DiffusionModel) -> None:
    # Smooth latents, as real ones are.
    coarse = latents(diffusion, 8)[:, :, :3, :3]
    rows = torch.nn.functional.interpolate(coarse, size=(12, 12), mode="bilinear")
    decoded = torch.nn.functional.avg_pool2d(diffusion.decode(rows), diffusion.cell_size)
    previews = diffusion.render_previews(rows)
    decoded, previews = (image - image.mean((0, 2, 3), keepdim=True) for image in (decoded, previews))
    # A random decoder is far from linear: the fit explains a part of it, of the right image only.
    right, wrong = previews.flatten(), previews.roll(1, dims=0).flatten()
    assert cosine(decoded.flatten(), right) > 0.2 > abs(cosine(decoded.flatten(), wrong)) + 0.05


def cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(first, second, dim=0))
