"""Stage 2 of the image model: the text encoder and the denoiser, over latents of fixed scenes."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from starter import progress
from starter.checkpoint import Checkpoint, average, learning_rate

from .models import build_scheduler, build_text_encoder, build_unet
from .scenes import Scene, render, sample_scene

STEPS = 8000
BATCH = 64
SCENES = 16_000
PEAK_RATE = 1.5e-3
CAPTION_DROPOUT = 0.1  # so that guidance has an unconditional prediction to start from
AVERAGE_DECAY = 0.999
SAVE_EVERY = 100


@torch.no_grad()
def encode_scenes(vae: AutoencoderKL, seed: int, count: int = SCENES) -> tuple[list[Scene], torch.Tensor]:
    """Training scenes and their scaled latents, shape (count, 4, 8, 8)."""
    rng = random.Random(f"scenes {seed}")
    scenes = [sample_scene(rng) for _ in range(count)]
    latents: list[torch.Tensor] = []
    for _ in progress.steps("image: latents", 0, (count + 63) // 64):
        chunk = scenes[64 * len(latents) : 64 * len(latents) + 64]
        x = torch.from_numpy(np.stack([render(scene, rng) for scene in chunk])).permute(0, 3, 1, 2) * 2 - 1
        latents.append(vae.encode(x.contiguous()).latent_dist.mode() * vae.config.scaling_factor)
    return scenes, torch.cat(latents)


def train(
    work: Path, vae: AutoencoderKL, tokenizer: CLIPTokenizer, *, seed: int, steps: int = STEPS
) -> tuple[CLIPTextModel, UNet2DConditionModel]:
    """Train, or go on training, text encoder and denoiser together; returns their averaged weights."""
    torch.manual_seed(seed)
    encoder, unet = build_text_encoder(tokenizer), build_unet()
    kept_encoder, kept_unet = copy.deepcopy(encoder), copy.deepcopy(unet)
    parameters = [*encoder.parameters(), *unet.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_RATE, weight_decay=0.01)
    modules = {"encoder": encoder, "unet": unet, "kept_encoder": kept_encoder, "kept_unet": kept_unet}
    checkpoint = Checkpoint(work / "denoiser.safetensors", modules, optimizer)
    start = checkpoint.load()
    scheduler = build_scheduler()
    scenes, latents = encode_scenes(vae, seed) if start < steps else ([], torch.empty(0))
    total = 0.0
    for step, bar in progress.steps("image: denoiser", start, steps):
        rng = random.Random(f"denoiser {seed} {step}")
        torch.manual_seed(rng.getrandbits(32))
        picks = [rng.randrange(len(scenes)) for _ in range(BATCH)]
        captions = ["" if rng.random() < CAPTION_DROPOUT else scenes[i].caption(rng) for i in picks]
        ids = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
        x, noise = latents[picks], torch.randn(BATCH, *latents.shape[1:])
        timesteps = torch.randint(0, scheduler.config.num_train_timesteps, (BATCH,))
        predicted = unet(scheduler.add_noise(x, noise, timesteps), timesteps, encoder(ids)[0]).sample
        loss = F.mse_loss(predicted, scheduler.get_velocity(x, noise, timesteps))
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, PEAK_RATE)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        decay = min(AVERAGE_DECAY, (step + 1) / (step + 10))
        average(kept_encoder, encoder, decay)
        average(kept_unet, unet, decay)
        total += loss.item()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
            bar.print(f"denoiser step {step + 1}: v mse {total / SAVE_EVERY:.4f}")
            total = 0.0
    return kept_encoder, kept_unet
