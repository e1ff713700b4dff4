"""Both denoisers train, resume, and are what their public pipelines expect."""

from pathlib import Path

import pytest
import torch
from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline, StableDiffusionPipeline
from diffusers.models.attention_processor import JointAttnProcessor2_0

from starter.image import denoising, latents, models, reader
from starter.image.denoiser import Diffusion
from starter.image.evaluate import draw, load
from starter.image.transformer import Flow

KINDS = {"unet": Diffusion, "transformer": Flow}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_denoiser_trains_on_kept_latents(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denoising, "BATCH", 2)
    torch.manual_seed(0)
    tokenizer, vae = models.build_tokenizer(tmp_path / "tokenizer"), models.build_vae().eval()
    view = reader.features(models.build_text_encoder(tokenizer))

    def train(steps: int) -> torch.nn.Module:
        torch.manual_seed(0)
        recipe = denoising.Recipe(steps, 1e-3)
        return denoising.train(tmp_path, KINDS[kind](), vae, tokenizer, view, recipe, seed=0, scenes=8)

    first = train(1)
    kept = latents.load(tmp_path, vae, seed=0, count=8)
    assert kept.shape == (8, 4, 16, 16) and kept.dtype == torch.float16
    again, further = train(1), train(2)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    moved = [not torch.equal(a, b) for a, b in zip(first.parameters(), further.parameters(), strict=True)]
    assert all(same) and any(moved)


def test_noise_levels_are_met() -> None:
    x, noise = torch.zeros(3, 4, 16, 16), torch.ones(3, 4, 16, 16)
    levels = torch.tensor([0.1, 0.5, 0.9])
    noisy, velocity, timesteps = Flow().noised(x, noise, levels)
    torch.testing.assert_close(noisy[:, 0, 0, 0], levels)
    torch.testing.assert_close(timesteps, 1000 * levels)
    torch.testing.assert_close(velocity, noise - x)
    noisy, _, timesteps = Diffusion().noised(x, noise, levels)
    sigma = noisy[:, 0, 0, 0]
    torch.testing.assert_close(sigma / (1 - sigma**2).sqrt(), levels / (1 - levels), rtol=0.05, atol=0)
    assert timesteps.tolist() == sorted(timesteps.tolist())


@torch.no_grad()
def test_one_weighed_token_stands_for_all_the_zero_tokens_of_the_pipeline() -> None:
    torch.manual_seed(0)
    flow = Flow()
    stock: SD3Transformer2DModel = flow.network
    x, tokens, pooled = torch.randn(2, 4, 16, 16), torch.randn(2, 24, 128), torch.randn(2, 128)
    times = torch.tensor([300.0, 700.0])
    zeros = torch.zeros(2, 5, 128)
    flow._attention.zeros = 5.0
    short = stock(x, torch.cat([tokens, zeros[:, :1]], dim=1), pooled, times).sample
    stock.set_attn_processor(JointAttnProcessor2_0())
    long = stock(x, torch.cat([tokens, zeros], dim=1), pooled, times).sample
    torch.testing.assert_close(short, long, atol=1e-4, rtol=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_the_saved_folders_are_ordinary_pipelines(tmp_path: Path) -> None:
    models.save_untrained(tmp_path)
    for name, kind in (("model", StableDiffusionPipeline), ("flow", StableDiffusion3Pipeline)):
        folder = tmp_path / name
        assert not [
            path for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".pkl", ".ckpt", ".py"}
        ]
        pipeline = load(folder, kind)
        drawn = draw(pipeline, ["a red circle", "a blue ring"], guidance_scale=2.0, steps=1)
        assert drawn.shape == (2, 64, 64, 3)


def test_a_second_cycle_starts_from_half_the_rates() -> None:
    recipe = denoising.Recipe(steps=200, peak_rate=1e-3, again=100)
    assert recipe.all_steps == 300
    assert recipe.rate_at(50) == pytest.approx(1)
    assert recipe.rate_at(199) == pytest.approx(0.05, abs=0.01)
    assert recipe.rate_at(250) == pytest.approx(0.5)


def test_muon_moves_the_layers_matrices_and_adam_all_else() -> None:
    flow, unet = Flow(), Diffusion()
    inner = [name for name, weight in flow.network.named_parameters() if flow.is_inner(name, weight)]
    assert inner and all("transformer_blocks" in name and "norm" not in name for name in inner)
    assert not any(unet.is_inner(name, weight) for name, weight in unet.network.named_parameters())


def test_cells_count_more_where_there_is_something() -> None:
    x = torch.zeros(2, 4, 16, 16)
    x[0, 2, 5, 5] = 2 * denoising.PLAIN
    x[1] += 0.4 * denoising.PLAIN * torch.rand(4, 16, 16)
    weights = denoising.cell_weights(x)
    assert weights.shape == (2, 1, 16, 16)
    assert torch.all(weights[1] == 1)
    assert torch.all(weights[0, 0, 4:7, 4:7] == denoising.THING_WEIGHT)
    assert int((weights[0] > 1).sum()) == 9
