"""Stage 1 of the image model: the variational autoencoder."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from starter import progress
from starter.checkpoint import Checkpoint, learning_rate

from .models import build_vae
from .scenes import SIZE, render, sample_scene

CYCLES = (1100, 900)  # steps in each cycle of the learning rate; the second starts lower
STEPS = sum(CYCLES)
WHOLE_FROM = 800  # earlier steps see crops of half the side: a quarter of the work
BATCH = 32
PEAK_RATE = 2e-3
KL_WEIGHT = 1e-5  # of the nats per picture, against a mean squared error per pixel value
SAVE_EVERY = 50


def pictures(rng: random.Random, count: int, side: int) -> torch.Tensor:
    """Random scenes or crops of them, shape (count, 3, side, side), in [-1, 1]."""
    batch = []
    for _ in range(count):
        picture = render(sample_scene(rng), rng)
        top, left = (rng.randint(0, SIZE - side) for _ in range(2))
        batch.append(picture[top : top + side, left : left + side])
    return torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).contiguous() * 2 - 1


def train(work: Path, *, seed: int, steps: int = STEPS) -> AutoencoderKL:
    """Train, or go on training, the autoencoder; `work` keeps its checkpoint. Sets its scaling factor."""
    torch.manual_seed(seed)
    vae = build_vae()
    optimizer = torch.optim.Adam(vae.parameters(), lr=PEAK_RATE)
    checkpoint = Checkpoint(work / "vae.safetensors", {"vae": vae}, optimizer)
    for step, bar in progress.steps("image: vae", checkpoint.load(), steps):
        rng = random.Random(f"vae {seed} {step}")
        torch.manual_seed(rng.getrandbits(32))
        whole = step >= WHOLE_FROM
        x = pictures(rng, BATCH // 2 if whole else BATCH, SIZE if whole else SIZE // 2)
        posterior = vae.encode(x).latent_dist
        decoded = vae.decode(posterior.sample()).sample
        error = F.mse_loss(decoded, x)
        # L1 keeps edges sharp, the square keeps gross colour errors from lasting.
        loss = error + 0.5 * F.l1_loss(decoded, x) + KL_WEIGHT * posterior.kl().mean()
        optimizer.param_groups[0]["lr"] = _rate(step)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
            bar.print(f"vae step {step + 1}: mse {error.item():.5f} kl {posterior.kl().mean().item():.1f}")
    vae.eval()
    vae.register_to_config(scaling_factor=1 / latent_deviation(vae, seed))
    return vae


def _rate(step: int) -> float:
    if step < CYCLES[0]:
        return learning_rate(step, CYCLES[0], PEAK_RATE)
    return learning_rate(step - CYCLES[0], CYCLES[1], PEAK_RATE / 2)


@torch.no_grad()
def latent_deviation(vae: AutoencoderKL, seed: int) -> float:
    """Standard deviation of the latents of 64 scenes."""
    x = pictures(random.Random(f"deviation {seed}"), 64, SIZE)
    return float(vae.encode(x).latent_dist.mode().std())
