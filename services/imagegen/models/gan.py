"""A style-based conditional generator and its format: `config.json` and `model.safetensors` in a directory.

After StyleGAN (Karras et al., 2019, arXiv:1812.04948): a latent and a label become a style; the style, pulled
towards the label's average by psi < 1 (truncation), trades variety for fidelity; synthesis turns it into pixels. It
begins with cells made from the style, not with constant ones, which learn to place things much later.
"""

import itertools
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

_START = 4  # cells along a side of the first layer
_GROUPS = 8
_Width = Annotated[int, Field(ge=1, le=8192)]


class GeneratorConfig(BaseModel):
    """What `config.json` holds. `channels` are those at 4 x 4 cells, 8 x 8 and so on; a cell at the last of them
    is a block of `block_size` x `block_size` pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Literal["StyleGenerator"] = "StyleGenerator"
    image_size: Annotated[int, Field(ge=_START, le=8192)]
    block_size: Annotated[int, Field(ge=1, le=64)]
    latent_dim: _Width
    style_dim: _Width
    channels: Annotated[tuple[_Width, ...], Field(min_length=1, max_length=10)]
    labels: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1, max_length=10_000)]
    default_truncation: Annotated[float, Field(ge=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _fits(self) -> "GeneratorConfig":
        size = _START * 2 ** (len(self.channels) - 1) * self.block_size
        if size != self.image_size:
            raise ValueError(f"channels and block_size make images of {size} pixels, not {self.image_size}")
        if any(width % _GROUPS for width in self.channels):
            raise ValueError(f"channels must be multiples of {_GROUPS}")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels names one twice")
        return self


class StyledConv(nn.Module):
    """A 3 x 3 convolution whose output the style scales and shifts, channel by channel."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.GroupNorm(_GROUPS, outputs, affine=False)
        self.style = nn.Linear(style, 2 * outputs)
        nn.init.normal_(self.style.weight, std=0.5 * style**-0.5)
        nn.init.zeros_(self.style.bias)

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """[n, inputs, h, w] and [n, style] to [n, outputs, h, w]."""
        scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
        return functional.leaky_relu(self.norm(self.conv(x)) * (1 + scale) + shift, 0.2)


class StyleGenerator(nn.Module):
    """Pictures from latents and labels. Labels are indices, int64 [n], or mixtures of all, float [n, labels]."""

    average: torch.Tensor  # [labels, style_dim]

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        style, channels = config.style_dim, config.channels
        self.label = nn.Embedding(len(config.labels), style)
        self.mapping = nn.Sequential(
            nn.Linear(config.latent_dim + style, style),
            nn.LeakyReLU(0.2),
            nn.Linear(style, style),
            nn.LeakyReLU(0.2),
            nn.Linear(style, style),
        )
        for layer in self.mapping.children():
            if isinstance(layer, nn.Linear):  # styles as far apart as what they are made from
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                nn.init.zeros_(layer.bias)
        self.start = nn.Linear(style, channels[0] * _START**2)
        self.blocks = nn.ModuleList(
            nn.ModuleList([StyledConv(a, b, style), StyledConv(b, b, style)])
            for a, b in itertools.pairwise((channels[0], *channels))
        )
        self.out = nn.Conv2d(channels[-1], 3 * config.block_size**2, 3, padding=1)
        self.register_buffer("average", torch.zeros(len(config.labels), style))

    def map(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Styles [n, style_dim] of latents [n, latent_dim], standard normal, and labels."""
        embedded = labels @ self.label.weight if labels.is_floating_point() else self.label(labels)
        styles: torch.Tensor = self.mapping(torch.cat([latents, embedded], dim=1))
        return styles

    def truncate(self, styles: torch.Tensor, labels: torch.Tensor, psi: torch.Tensor | float) -> torch.Tensor:
        """Styles pulled towards the average of their labels; `psi` in [0, 1], one for all or [n, 1] a row."""
        average = labels @ self.average if labels.is_floating_point() else self.average[labels]
        return average + psi * (styles.to(average.dtype) - average)

    def synthesize(self, styles: torch.Tensor) -> torch.Tensor:
        """Pixels [n, 3, H, W], in [-1, 1], of styles [n, style_dim]."""
        x = self.start(styles).unflatten(1, (-1, _START, _START))
        for index, block in enumerate(self.blocks):
            if index:
                x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            for layer in block.children():
                x = layer(x, styles)
        return torch.tanh(functional.pixel_shuffle(self.out(x), self.config.block_size))

    def forward(self, latents: torch.Tensor, labels: torch.Tensor, psi: float = 1.0) -> torch.Tensor:
        """Pixels [n, 3, H, W]; `psi` is the truncation, 1 leaves styles as they are."""
        styles = self.map(latents, labels)
        if psi != 1:
            styles = self.truncate(styles, labels, psi)
        return self.synthesize(styles)

    @torch.no_grad()
    def measure_average(self, draws: int = 256) -> None:
        """Set each label's average style."""
        generator = torch.Generator().manual_seed(0)
        latents = torch.randn(draws, self.config.latent_dim, generator=generator)
        for label in range(len(self.average)):
            self.average[label] = self.map(latents, torch.full((draws,), label)).mean(dim=0)

    def save(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors`."""
        folder.mkdir(parents=True, exist_ok=True)
        text = self.config.model_dump_json(indent=2)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")
        save_file(self.state_dict(), folder / "model.safetensors")


def read_config(folder: Path) -> GeneratorConfig:
    """What a directory's `config.json` says. Raises pydantic's ValidationError for a wrong one."""
    return GeneratorConfig.model_validate_json((folder / "config.json").read_bytes())


def load_generator(folder: Path, config: GeneratorConfig) -> StyleGenerator:
    """The generator in a directory. Raises what safetensors and torch raise for weights that do not fit `config`."""
    with torch.device("meta"):  # weights take their place, so that what does not fit them is never allocated
        generator = StyleGenerator(config)
    generator.load_state_dict(load_file(folder / "model.safetensors"), assign=True)
    return generator.eval()
