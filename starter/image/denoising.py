"""Stage 4 of the image model: what the training of both denoisers has in common.

The captions' features are frozen by then, so a step is one pass of the denoiser over noised latents. Noise
levels are logit-normal (Esser et al., 2024, arXiv:2403.03206) and a little towards more noise, where it is
decided what is drawn; both denoisers predict a velocity, whose squared error weighs all levels alike.
"""

from __future__ import annotations

import copy
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from safetensors.torch import load_file
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTokenizer

from starter import progress
from starter.checkpoint import Checkpoint, average, learning_rate
from starter.optimizers import Optimizers

from . import latents
from .captions import caption
from .reader import Features, tokenize

BATCH = 64
CAPTION_DROPOUT = 0.1  # so that guidance has an unconditional prediction to start from
LEVEL_MEAN, LEVEL_DEVIATION = 0.3, 1.2  # of the logit of the noise level
ADAM_DECAY = 0.01
AVERAGE_DECAY = 0.998
THING_WEIGHT, PLAIN = 4.0, 1.5  # weight of the loss where there is more than this between neighbouring cells
SAVE_EVERY = 200


class Denoiser(ABC):
    """A network and its kind of noise. Levels are the share of noise in [0, 1], shape [n]."""

    name: str
    network: nn.Module

    def is_inner(self, name: str, parameter: nn.Parameter) -> bool:
        """Whether it is a matrix inside a layer, which Muon moves; Adam moves all others."""
        return False

    @abstractmethod
    def noised(
        self, x: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Noised latents and the velocity to predict, both [n, c, h, w], and the timesteps [n]."""

    @abstractmethod
    def predict(
        self, x: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        """Velocity [n, c, h, w] under captions' features, [n, tokens, width] and pooled [n, width]."""


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train: the peak rates of Adam and, for a denoiser's matrices, of Muon.

    After `steps` come `again` more, from half the rates on.
    """

    steps: int
    peak_rate: float
    matrix_rate: float = 0.02
    again: int = 0

    @property
    def all_steps(self) -> int:
        """Those of both cycles."""
        return self.steps + self.again

    def rate_at(self, step: int) -> float:
        """The learning rate, as a part of the peak rates."""
        if step < self.steps:
            return learning_rate(step, self.steps, 1.0)
        return learning_rate(step - self.steps, self.again, 0.5)


def cell_weights(x: torch.Tensor) -> torch.Tensor:
    """THING_WEIGHT where latents [n, c, h, w] differ from their neighbours, 1 elsewhere; shape [n, 1, h, w].

    Most cells are plain background. What is best for a cell is the same under any weights; they say which cells
    the network's size is spent on.
    """
    spread = F.max_pool2d(x, 3, 1, 1) + F.max_pool2d(-x, 3, 1, 1)
    return 1 + (THING_WEIGHT - 1) * (spread.amax(dim=1, keepdim=True) > PLAIN).float()


def peek(work: Path, denoiser: Denoiser) -> nn.Module:
    """The averaged weights of the last checkpoint, however far training has come."""
    tensors = load_file(work / f"{denoiser.name}.safetensors")
    kept = {key.removeprefix("kept/"): value for key, value in tensors.items() if key.startswith("kept/")}
    denoiser.network.load_state_dict(kept)
    return denoiser.network.eval()


def train(
    work: Path,
    denoiser: Denoiser,
    vae: AutoencoderKL,
    tokenizer: CLIPTokenizer,
    view: Features,
    recipe: Recipe,
    *,
    seed: int,
    scenes: int = latents.COUNT,
) -> nn.Module:
    """Train, or go on training, the network of `denoiser`; returns its averaged weights."""
    network = denoiser.network
    kept = copy.deepcopy(network)
    optimizers = Optimizers(
        network,
        denoiser.is_inner,
        matrix_rate=recipe.matrix_rate,
        peak_rate=recipe.peak_rate,
        decay=ADAM_DECAY,
    )
    checkpoint = Checkpoint(
        work / f"{denoiser.name}.safetensors", {"network": network, "kept": kept}, *optimizers.all
    )
    start = checkpoint.load()
    if start >= recipe.all_steps:
        return kept.eval()
    known, encoded = latents.scenes(seed, scenes), latents.load(work, vae, seed=seed, count=scenes)
    means = progress.Means()
    for step, bar in progress.steps(f"image: {denoiser.name}", start, recipe.all_steps):
        rng = random.Random(f"{denoiser.name} {seed} {step}")
        torch.manual_seed(rng.getrandbits(32))
        picks = [rng.randrange(len(known)) for _ in range(BATCH)]
        captions = ["" if rng.random() < CAPTION_DROPOUT else caption(known[i], rng) for i in picks]
        with torch.no_grad():
            tokens, pooled = view(tokenize(tokenizer, captions))
        x = encoded[picks].float()
        levels = torch.sigmoid(LEVEL_MEAN + LEVEL_DEVIATION * torch.randn(BATCH))
        noisy, velocity, timesteps = denoiser.noised(x, torch.randn_like(x), levels)
        # On small sequences plain matrix products are faster than the fused kernel's backward pass.
        with sdpa_kernel(SDPBackend.MATH):
            with torch.autocast("cpu", torch.bfloat16):
                predicted = denoiser.predict(noisy, timesteps, tokens, pooled)
            weights = cell_weights(x)
            loss = (weights * (predicted.float() - velocity).square()).mean() / weights.mean()
            optimizers.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizers.step(recipe.rate_at(step))
        average(kept, network, min(AVERAGE_DECAY, (step + 1) / (step + 10)))
        means.add(v_mse=loss.item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == recipe.all_steps:
            checkpoint.save(step + 1)
            bar.print(f"{denoiser.name} step {step + 1}: {means.take()}")
    return kept.eval()
