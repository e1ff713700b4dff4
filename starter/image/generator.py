"""A conditional generator of pictures and its discriminator, both working on 4 x 4 pixel blocks.

Mapping and truncation follow StyleGAN (Karras et al., 2019, arXiv:1812.04948): a latent and a label become
a style; the style, pulled towards the label's average by psi < 1, trades variety for fidelity.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from .scenes import COLOURS, SHAPES, SIZE

LABELS = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
CONFIG: dict[str, Any] = {
    "architecture": "StyleGenerator",
    "image_size": SIZE,
    "block_size": 4,
    "latent_dim": 64,
    "style_dim": 128,
    "channels": [128, 96, 64],  # at 4 x 4, 8 x 8 and 16 x 16
    "labels": list(LABELS),
    "default_truncation": 0.8,
}


class StyledConv(nn.Module):
    """A 3 x 3 convolution whose output the style scales and shifts, channel by channel."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.GroupNorm(8, outputs, affine=False)
        self.style = nn.Linear(style, 2 * outputs)

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[n, inputs, h, w] and [n, style] to [n, outputs, h, w]."""
        scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
        return F.leaky_relu(self.norm(self.conv(x)) * (1 + scale) + shift, 0.2)


class Generator(nn.Module):
    """Pictures from latents and labels."""

    average: torch.Tensor

    def __init__(self, config: dict[str, Any] = CONFIG) -> None:
        super().__init__()
        self.config = dict(config)
        style, channels = int(config["style_dim"]), list(config["channels"])
        self.label = nn.Embedding(len(config["labels"]), style)
        self.mapping = nn.Sequential(
            nn.Linear(int(config["latent_dim"]) + style, style),
            nn.LeakyReLU(0.2),
            nn.Linear(style, style),
            nn.LeakyReLU(0.2),
            nn.Linear(style, style),
        )
        self.start = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        widths = [channels[0], *channels]
        pairs = itertools.pairwise(widths)
        self.blocks = nn.ModuleList(
            nn.ModuleList([StyledConv(a, b, style), StyledConv(b, b, style)]) for a, b in pairs
        )
        self.out = nn.Conv2d(channels[-1], 3 * int(config["block_size"]) ** 2, 3, padding=1)
        self.register_buffer("average", torch.zeros(len(config["labels"]), style))

    def map(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Styles [n, style_dim] of latents [n, latent_dim], standard normal, and label indices [n]."""
        styles: torch.Tensor = self.mapping(torch.cat([latents, self.label(labels)], dim=1))
        return styles

    def synthesize(self, styles: torch.Tensor) -> torch.Tensor:
        """Pixels [n, 3, H, W], in [-1, 1], of styles [n, style_dim]."""
        x = self.start.expand(len(styles), -1, -1, -1)
        for index, block in enumerate(self.blocks):
            if index:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            for layer in block.children():
                x = layer(x, styles)
        return torch.tanh(F.pixel_shuffle(self.out(x), int(self.config["block_size"])))

    def forward(self, latents: torch.Tensor, labels: torch.Tensor, psi: float = 1.0) -> torch.Tensor:
        """Pixels [n, 3, H, W]; `psi` in [0, 1] is the truncation, 1 leaves styles as they are."""
        styles = self.map(latents, labels)
        if psi != 1:
            styles = self.average[labels].lerp(styles.to(self.average.dtype), psi)
        return self.synthesize(styles)

    @torch.no_grad()
    def measure_average(self, draws: int = 256) -> None:
        """Set each label's average style."""
        generator = torch.Generator().manual_seed(0)
        latents = torch.randn(draws, int(self.config["latent_dim"]), generator=generator)
        for label in range(len(self.average)):
            self.average[label] = self.map(latents, torch.full((draws,), label)).mean(dim=0)

    def save(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config, indent=2) + "\n", encoding="utf-8")
        save_file(self.state_dict(), folder / "model.safetensors")


def load(folder: Path) -> Generator:
    """The generator in `folder`."""
    generator = Generator(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    generator.load_state_dict(load_file(folder / "model.safetensors"))
    return generator.eval()


class Discriminator(nn.Module):
    """How real a picture of a label looks (projection: Miyato and Koyama, 2018, arXiv:1802.05637)."""

    def __init__(self, labels: int = len(LABELS), block: int = 4) -> None:
        super().__init__()
        self.block = block
        self.entry = nn.Conv2d(3 * block**2, 64, 1)
        widths = ((64, 96), (96, 128), (128, 128))  # at 16 x 16, 8 x 8 and 4 x 4
        self.first = nn.ModuleList(nn.Conv2d(a, a, 3, padding=1) for a, _ in widths)
        self.second = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in widths)
        self.skip = nn.ModuleList(nn.Conv2d(a, b, 1, bias=False) for a, b in widths)
        self.dense = nn.Linear(128 * 16, 256)
        self.out = nn.Linear(256, 1)
        self.label = nn.Embedding(labels, 256)

    def forward(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Logits [n] of pixels [n, 3, H, W] and label indices [n]."""
        x = self.entry(F.pixel_unshuffle(pixels, self.block))
        for index, (first, second, skip) in enumerate(zip(self.first, self.second, self.skip, strict=True)):
            if index:
                x = F.avg_pool2d(x, 2)
            x = skip(x) + second(F.leaky_relu(first(F.leaky_relu(x, 0.2)), 0.2))
        x = F.leaky_relu(self.dense(F.leaky_relu(x, 0.2).flatten(1)), 0.2)
        logits: torch.Tensor = self.out(x).squeeze(1) + (x * self.label(labels)).sum(dim=1) / 16
        return logits
