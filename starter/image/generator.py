"""The configuration of the served generator, its encoder and its critic; all work on 4 x 4 pixel blocks.

The generator itself and its format are the image service's: `imagegen.models.gan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from imagegen.models.gan import GeneratorConfig, StyleGenerator
from torch import nn

from .scenes import COLOURS, SHAPES, SIZE

BLOCK = 4  # pixels a side
LABELS = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
CONFIG = GeneratorConfig(
    image_size=SIZE,
    block_size=BLOCK,
    latent_dim=64,
    style_dim=128,
    channels=(128, 96, 64),  # at 4 x 4, 8 x 8 and 16 x 16
    labels=LABELS,
    default_truncation=1.0,
)


def build_generator() -> StyleGenerator:
    """An untrained generator of pictures of one thing, in the middle, on a plain background."""
    return StyleGenerator(CONFIG)


class Encoder(nn.Module):
    """Means and log-variances of the latents of pictures; needed in training only."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(BLOCK), nn.Conv2d(3 * BLOCK**2, 64, 3, padding=1)]
        for inputs, outputs in ((64, 96), (96, 128)):
            layers += [nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)]
            layers += [nn.GroupNorm(8, outputs), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1)]
        layers += [nn.SiLU(), nn.Flatten(), nn.Linear(128 * 16, 256), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Linear(256, 2 * CONFIG.latent_dim))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both [n, latent_dim], of pixels [n, 3, H, W]."""
        mean, log_variance = self.body(pixels).chunk(2, dim=1)
        return mean, log_variance


class Critic(nn.Module):
    """How real a picture of a label looks (projection: Miyato and Koyama, 2018, arXiv:1802.05637)."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(3 * BLOCK**2, 64, 1)
        widths = ((64, 96), (96, 128), (128, 128))  # at 16 x 16, 8 x 8 and 4 x 4
        self.first = nn.ModuleList(nn.Conv2d(a, a, 3, padding=1) for a, _ in widths)
        self.second = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in widths)
        self.skip = nn.ModuleList(nn.Conv2d(a, b, 1, bias=False) for a, b in widths)
        self.dense = nn.Linear(128 * 16, 256)
        self.out = nn.Linear(256, 1)
        self.label = nn.Embedding(len(LABELS), 256)

    def forward(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Logits [n] of pixels [n, 3, H, W] and label indices [n]."""
        x = self.entry(F.pixel_unshuffle(pixels, BLOCK))
        for index, (first, second, skip) in enumerate(zip(self.first, self.second, self.skip, strict=True)):
            if index:
                x = F.avg_pool2d(x, 2)
            x = skip(x) + second(F.leaky_relu(first(F.leaky_relu(x, 0.2)), 0.2))
        x = F.leaky_relu(self.dense(F.leaky_relu(x, 0.2).flatten(1)), 0.2)
        logits: torch.Tensor = self.out(x).squeeze(1) + (x * self.label(labels)).sum(dim=1) / 16
        return logits
