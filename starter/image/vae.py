"""Stage 1 of the image model: the variational autoencoder."""

from __future__ import annotations

import random
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from starter import progress
from starter.checkpoint import Checkpoint, learning_rate

from .models import build_vae
from .render import render
from .scenes import SIZE, sample_scene

CYCLES = (2400, 1000)  # steps in each cycle of the learning rate; the second starts lower
STEPS = sum(CYCLES)
WHOLE_FROM = CYCLES[0]  # earlier steps see crops of half the side: a quarter of the work
BATCH = 64
PEAK_RATE = 2e-3
KL_WEIGHT = 1e-6  # of the nats per picture, against a mean squared error per pixel value
EDGE_WEIGHT = 5.0
SAVE_EVERY = 50


def pictures(rng: random.Random, count: int, side: int = SIZE) -> torch.Tensor:
    """Random scenes or crops of them, shape (count, 3, side, side), in [-1, 1]."""
    drawn = render([sample_scene(rng) for _ in range(count)], rng)
    corners = [(rng.randint(0, SIZE - side), rng.randint(0, SIZE - side)) for _ in range(count)]
    crops = [p[y : y + side, x : x + side] for p, (y, x) in zip(drawn, corners, strict=True)]
    return torch.stack([torch.from_numpy(crop) for crop in crops]).permute(0, 3, 1, 2).contiguous() * 2 - 1


def train(work: Path, *, seed: int, steps: int = STEPS) -> AutoencoderKL:
    """Train, or go on training, the autoencoder; `work` keeps its checkpoint. Sets its scaling factor."""
    torch.manual_seed(seed)
    vae = build_vae()
    optimizer = torch.optim.Adam(vae.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99))
    checkpoint = Checkpoint(work / "vae.safetensors", {"vae": vae}, optimizer)
    for step, bar in progress.steps("image: vae", checkpoint.load(), steps):
        rng = random.Random(f"vae {seed} {step}")
        torch.manual_seed(rng.getrandbits(32))
        whole = step >= WHOLE_FROM
        x = pictures(rng, BATCH // 2 if whole else BATCH, SIZE if whole else SIZE // 2)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(x).latent_dist
            decoded = vae.decode(posterior.sample()).sample.float()
        weights = edge_weights(x)
        error = (weights * (decoded - x).square()).mean()
        kl = (posterior.kl().float() * (SIZE * SIZE / x[0, 0].numel())).mean()
        # L1 keeps edges sharp, the square keeps gross colour errors from lasting.
        loss = error + 0.25 * (weights * (decoded - x).abs()).mean() + KL_WEIGHT * kl
        optimizer.param_groups[0]["lr"] = _rate(step)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
            bar.print(f"vae step {step + 1}: mse {error.item():.5f} kl {kl.item():.1f}")
    vae.eval()
    vae.register_to_config(scaling_factor=1 / latent_deviation(vae, seed))
    return vae


def edge_weights(x: torch.Tensor) -> torch.Tensor:
    """EDGE_WEIGHT near edges of pixels [n, 3, h, w], 1 elsewhere; shape [n, 1, h, w].

    What tells a small cross from a diamond is a few pixels, which a plain mean hardly sees.
    """
    spread = F.max_pool2d(x, 3, 1, 1) + F.max_pool2d(-x, 3, 1, 1)
    return 1 + (EDGE_WEIGHT - 1) * (spread.amax(dim=1, keepdim=True) > 0.1).float()


def _rate(step: int) -> float:
    if step < CYCLES[0]:
        return learning_rate(step, CYCLES[0], PEAK_RATE)
    return learning_rate(step - CYCLES[0], CYCLES[1], PEAK_RATE / 2)


@torch.no_grad()
def latent_deviation(vae: AutoencoderKL, seed: int) -> float:
    """Standard deviation of the latents of 256 scenes."""
    x = pictures(random.Random(f"deviation {seed}"), 256)
    return float(vae.encode(x).latent_dist.mode().std())
