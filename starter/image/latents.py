"""Stage 3 of the image model: many scenes, encoded once, for both denoisers to learn from."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

from starter import progress

from .render import BATCH, render
from .scenes import Scene, sample_scene

COUNT = 131_072


def scenes(seed: int, count: int = COUNT) -> list[Scene]:
    """The training scenes: the same for the same seed, and the fewer are the first of the more."""
    rng = random.Random(f"scenes {seed}")
    return [sample_scene(rng) for _ in range(count)]


@torch.no_grad()
def encode(vae: AutoencoderKL, drawn: list[Scene], rng: random.Random) -> torch.Tensor:
    """Scaled latents of scenes as `rng` draws them, float16 [n, 4, 16, 16]."""
    x = torch.from_numpy(render(drawn, rng)).permute(0, 3, 1, 2).contiguous() * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        mode = vae.encode(x).latent_dist.mode()
    scaled: torch.Tensor = (mode.float() * vae.config.scaling_factor).half()
    return scaled


def load(work: Path, vae: AutoencoderKL, *, seed: int, count: int = COUNT) -> torch.Tensor:
    """Latents of `scenes(seed, count)`, float16 [count, 4, 16, 16]; kept in `work`."""
    path = work / f"latents-{seed}-{count}.safetensors"
    if path.exists():
        kept: torch.Tensor = load_file(path)["latents"]
        return kept
    drawn = scenes(seed, count)
    parts = []
    for index, _ in progress.steps("image: latents", 0, -(-count // BATCH)):
        part = drawn[index * BATCH : (index + 1) * BATCH]
        parts.append(encode(vae, part, random.Random(f"latents {seed} {index}")))
    latents = torch.cat(parts)
    work.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({"latents": latents}, partial)
    partial.replace(path)
    return latents
