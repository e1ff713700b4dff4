"""The conditional generator's training: one thing in the middle of a plain background, from its colour and shape.

A variational autoencoder and a GAN at once (CVAE-GAN: Bao et al., 2017, arXiv:1703.10155). An encoder tells which
latent a true picture has, and the generator draws it again, so that every true picture is somewhere in its space;
a critic (hinge loss, and a gradient penalty on true pictures: Mescheder et al., 2018, arXiv:1801.04406) then
sharpens what is drawn from chance latents. Without the encoder so short a training collapses.
"""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from imagegen.models.gan import StyleGenerator
from torch import nn

from starter import progress
from starter.checkpoint import Checkpoint, average

from .classifier import as_pixels
from .generator import LABELS, Critic, Encoder, build_generator
from .render import render
from .scenes import Scene, sample_scene

STEPS = 2500
BATCH = 64
RATE, CRITIC_RATE = 8e-4, 5e-4
RECONSTRUCTION_WEIGHT, DIVERGENCE_WEIGHT, CRITIC_WEIGHT = 100.0, 0.005, 0.05
CRITIC_FROM = 300  # steps: until then there is nothing to criticise
HEARD_FROM, HEARD_FULLY_AFTER = 450, 200  # steps: then it is heard, more and more
PENALTY, PENALTY_EVERY = 0.25, 8  # weight, and steps; it is then as many times as heavy
AVERAGE_DECAY = 0.995
SAVE_EVERY = 100


def sample_thing(rng: random.Random) -> Scene:
    """A scene with one thing in the middle."""
    while True:
        scene = sample_scene(rng)
        if len(scene.things) == 1:
            return replace(scene, place="centre")


def label(scene: Scene) -> int:
    """The label of a scene's only thing."""
    return LABELS.index(f"{scene.things[0].colour} {scene.things[0].shape}")


def train(work: Path, *, seed: int, steps: int = STEPS) -> StyleGenerator:
    """Train, or go on training, the generator; returns its averaged weights."""
    torch.manual_seed(seed)
    generator, encoder, critic = build_generator(), Encoder(), Critic()
    kept = copy.deepcopy(generator)
    maker = nn.ModuleList([generator, encoder])
    optimizer = torch.optim.Adam(maker.parameters(), lr=RATE, betas=(0.9, 0.99))
    critic_optimizer = torch.optim.Adam(critic.parameters(), lr=CRITIC_RATE, betas=(0.5, 0.99))
    modules = {"maker": maker, "critic": critic, "kept": kept}
    checkpoint = Checkpoint(work / "gan.safetensors", modules, optimizer, critic_optimizer)
    means = progress.Means()
    for step, bar in progress.steps("image: gan", checkpoint.load(), steps):
        rng = random.Random(f"gan {seed} {step}")
        torch.manual_seed(rng.getrandbits(32))
        scenes = [sample_thing(rng) for _ in range(BATCH)]
        labels = torch.tensor([label(scene) for scene in scenes])
        real = as_pixels(render(scenes, rng))
        rate = min(1.0, (step + 1) / 50, 2 * (1 - step / steps) + 0.02)
        optimizer.param_groups[0]["lr"] = RATE * rate
        critic_optimizer.param_groups[0]["lr"] = CRITIC_RATE * rate
        with torch.autocast("cpu", torch.bfloat16):
            mean, log_variance = (part.float() for part in encoder(real))
            # Half of the latents are those of the true pictures, half are chance.
            known = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            drawn, made = (
                generator(torch.cat([known, torch.randn_like(mean)]), labels.repeat(2)).float().chunk(2)
            )
        error = F.mse_loss(drawn, real)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
        loss = RECONSTRUCTION_WEIGHT * error + DIVERGENCE_WEIGHT * divergence
        criticism = torch.zeros(())
        if step >= CRITIC_FROM:
            criticism = _criticism(critic, real, made.detach(), labels, penalize=step % PENALTY_EVERY == 0)
            critic_optimizer.zero_grad()
            criticism.backward()  # type: ignore[no-untyped-call]
            critic_optimizer.step()
            heard = min(1.0, max(0.0, (step - HEARD_FROM) / HEARD_FULLY_AFTER))
            critic.requires_grad_(False)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss - CRITIC_WEIGHT * heard * critic(made, labels).float().mean()
            critic.requires_grad_(True)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(maker.parameters(), 1.0)
        optimizer.step()
        average(kept, generator, min(AVERAGE_DECAY, (step + 1) / (step + 10)))
        means.add(error=error.item(), divergence=divergence.item(), critic=criticism.item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
            bar.print(f"gan step {step + 1}: {means.take()}")
    kept.measure_average()
    return kept.eval()


def _criticism(
    critic: Critic, real: torch.Tensor, made: torch.Tensor, labels: torch.Tensor, *, penalize: bool
) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        of_real, of_made = critic(torch.cat([real, made]), labels.repeat(2)).float().chunk(2)
    loss: torch.Tensor = F.relu(1 - of_real).mean() + F.relu(1 + of_made).mean()
    if penalize:
        pixels = real.clone().requires_grad_()
        (slope,) = torch.autograd.grad(critic(pixels, labels).sum(), pixels, create_graph=True)
        loss = loss + PENALTY_EVERY * PENALTY * slope.square().sum(dim=(1, 2, 3)).mean()
    return loss
