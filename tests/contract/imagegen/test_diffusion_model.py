"""What every adapter of DiffusionModel keeps."""

import pytest
import torch
from imagegen.models.base import DiffusionModel


@pytest.fixture(autouse=True)
def no_gradients():  # type: ignore[no-untyped-def]
    with torch.inference_mode():
        yield


def latents(model: DiffusionModel, rows: int) -> torch.Tensor:
    shape = (rows, *model.description.latent_shape)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(model.device)


def test_prompts_have_a_fixed_length(diffusion: DiffusionModel) -> None:
    empty, short, long = (diffusion.encode_prompt(text) for text in ("", "a dot", "many words " * 400))
    assert empty.shape == short.shape == long.shape
    assert empty.ndim == 2
    assert not torch.equal(empty, short)
    assert torch.equal(short, diffusion.encode_prompt("a dot"))


def test_special_tokens_and_any_script_are_text(diffusion: DiffusionModel) -> None:
    for text in ("<|endoftext|>", "<|startoftext|> x", "狐 ß \x00 \ufffd", "\n\t "):
        assert torch.isfinite(diffusion.encode_prompt(text)).all()


def test_each_row_has_its_own_timestep_and_prompt(diffusion: DiffusionModel) -> None:
    rows = latents(diffusion, 3)
    timesteps = torch.tensor([10.0, 500.0, 900.0])
    embeddings = torch.stack([diffusion.encode_prompt(text) for text in ("a", "b", "")])
    together = diffusion.predict_noise(rows, timesteps, embeddings)
    assert together.shape == rows.shape and together.dtype == torch.float32
    for i in range(3):
        one = slice(i, i + 1)
        alone = diffusion.predict_noise(rows[one], timesteps[one], embeddings[one])
        torch.testing.assert_close(together[one], alone, atol=1e-4, rtol=1e-4)
    swapped = diffusion.predict_noise(rows, timesteps.flip(0), embeddings)
    assert not torch.allclose(swapped[0], together[0], atol=1e-4)


def test_odd_latent_sizes(diffusion: DiffusionModel) -> None:
    channels = diffusion.description.latent_shape[0]
    embedding = diffusion.encode_prompt("a")[None]
    for height, width in ((1, 1), (3, 5), (7, 2)):
        rows = torch.zeros(1, channels, height, width)
        assert diffusion.predict_noise(rows, torch.tensor([1.0]), embedding).shape == rows.shape


def test_every_sampler_makes_fresh_schedules(diffusion: DiffusionModel) -> None:
    for sampler in diffusion.description.samplers:
        for steps in (1, diffusion.description.max_steps[sampler]):
            schedule = diffusion.schedule(sampler, steps)
            assert schedule.step_count == steps
            times = [schedule.timestep(step) for step in range(steps)]
            assert times == sorted(times, reverse=True) and times[-1] >= 0
            assert schedule.initial_sigma > 0


def test_previews_are_small_pictures(diffusion: DiffusionModel) -> None:
    rows = latents(diffusion, 2)
    previews = diffusion.render_previews(rows)
    assert previews.shape == (2, 3, *rows.shape[2:])
    assert previews.min() >= -1 and previews.max() <= 1


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
