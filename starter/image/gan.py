"""The conditional generator's training: one thing on a plain background, from its colour and shape.

Relativistic logistic loss with zero-centred gradient penalties on both sides (R3GAN: Huang et al., 2024,
arXiv:2501.05441); the penalties by finite differences, which need no second derivatives.
"""

from __future__ import annotations

import copy
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from imagegen.models.gan import StyleGenerator
from torch import nn

from starter import progress
from starter.checkpoint import Checkpoint, average

from .generator import LABELS, Discriminator, build_generator
from .render import render
from .scenes import Scene, sample_scene

STEPS = 3000
BATCH = 64
RATE = 1e-3
PENALTY, SHAKE = 20.0, 0.05  # weight of the penalty, and the size of the step it is measured over
AVERAGE_DECAY = 0.998
PENALTY_EVERY = 4  # steps; it is then as many times as heavy
SAVE_EVERY = 200


def sample_thing(rng: random.Random) -> Scene:
    """A scene with one thing at any position."""
    while True:
        scene = sample_scene(rng)
        if len(scene.things) == 1:
            return scene


def label(scene: Scene) -> int:
    """The label of a scene's only thing."""
    return LABELS.index(f"{scene.things[0].colour} {scene.things[0].shape}")


def train(work: Path, *, seed: int, steps: int = STEPS) -> StyleGenerator:
    """Train, or go on training, the generator; returns its averaged weights."""
    torch.manual_seed(seed)
    generator, critic = build_generator(), Discriminator()
    kept = copy.deepcopy(generator)
    both = nn.ModuleList([generator, critic])
    # One optimizer, so that one checkpoint holds it; each half's gradients are cleared before the other's step.
    optimizer = torch.optim.Adam(both.parameters(), lr=RATE, betas=(0.0, 0.99))
    checkpoint = Checkpoint(work / "gan.safetensors", {"both": both, "kept": kept}, optimizer)
    for step, bar in progress.steps("image: gan", checkpoint.load(), steps):
        rng = random.Random(f"gan {seed} {step}")
        torch.manual_seed(rng.getrandbits(32))
        scenes = [sample_thing(rng) for _ in range(BATCH)]
        labels = torch.tensor([label(scene) for scene in scenes])
        real = torch.from_numpy(render(scenes, rng)).permute(0, 3, 1, 2).contiguous() * 2 - 1
        latents = torch.randn(BATCH, generator.config.latent_dim)
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 100, 2 * (1 - step / steps) + 0.05)
        with torch.autocast("cpu", torch.bfloat16):
            fake = generator(latents, labels).float()
        critic_loss = _critic_loss(critic, real, fake.detach(), labels, penalize=step % PENALTY_EVERY == 0)
        optimizer.zero_grad()
        critic_loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            scores = critic(torch.cat([fake, real]), labels.repeat(2)).float()
        loss = F.softplus(scores[BATCH:] - scores[:BATCH]).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in critic.parameters():
            parameter.grad = None
        optimizer.step()
        average(kept, generator, min(AVERAGE_DECAY, (step + 1) / (step + 10)))
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
            bar.print(f"gan step {step + 1}: critic {critic_loss.item():.3f} generator {loss.item():.3f}")
    kept.measure_average()
    return kept.eval()


def _critic_loss(
    critic: Discriminator, real: torch.Tensor, fake: torch.Tensor, labels: torch.Tensor, *, penalize: bool
) -> torch.Tensor:
    pixels = torch.cat([real, fake])
    views = torch.cat([pixels, pixels + SHAKE * torch.randn_like(pixels)]) if penalize else pixels
    with torch.autocast("cpu", torch.bfloat16):
        scores = critic(views, labels.repeat(len(views) // len(labels))).float()
    plain = scores[: len(pixels)]
    loss: torch.Tensor = F.softplus(plain[len(real) :] - plain[: len(real)]).mean()
    if penalize:
        loss = loss + PENALTY_EVERY * PENALTY * (plain - scores[len(pixels) :]).square().mean()
    return loss
