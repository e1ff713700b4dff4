"""The port to image models: what the engine needs of one, and nothing else.

Shapes: n rows, c latent channels, h x w latent cells, H x W pixels. Pixels are in [-1, 1]. Latents and noise
are float32 on the model's device, scaled as the denoiser sees them. Rows do not depend on their neighbours.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from imagegen.domain import ModelDescription, Sampler
from imagegen.samplers import NoiseSchedule


@dataclass(frozen=True, slots=True)
class ElboTerms:
    """Parts of a likelihood bound, in nats: one reconstruction term a draw [draws], and the divergence."""

    reconstruction: torch.Tensor
    kl_divergence: float


class LatentModel(ABC):
    """Maps images to latents and back."""

    @property
    @abstractmethod
    def description(self) -> ModelDescription:
        """What the model is and can do."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where it runs."""

    @property
    @abstractmethod
    def cell_size(self) -> int:
        """Pixels along a side of a latent cell: H = h * cell_size."""

    @property
    @abstractmethod
    def score_method(self) -> str:
        """What `elbo_terms` computes, in words, with its assumptions."""

    @abstractmethod
    def encode(self, pixels: torch.Tensor, seeds: Sequence[int] | None = None) -> torch.Tensor:
        """Latents [n, c, h, w] of pixels [n, 3, H, W]: the posterior's mean, or a draw, one seed a row."""

    @abstractmethod
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels [n, 3, H, W], clipped to [-1, 1], of latents [n, c, h, w]."""

    @abstractmethod
    def elbo_terms(self, pixels: torch.Tensor, draws: int, generator: torch.Generator) -> ElboTerms:
        """Terms of the bound for one image [1, 3, H, W], over `draws` draws that `generator` (CPU) makes."""


class DiffusionModel(LatentModel):
    """Denoises latents under a text condition."""

    @abstractmethod
    def encode_prompt(self, text: str) -> torch.Tensor:
        """Embedding [tokens, width] of a prompt, padded to the model's fixed length, cut off beyond it."""

    @abstractmethod
    def schedule(self, sampler: Sampler, steps: int, first_step: int = 0) -> NoiseSchedule:
        """A fresh schedule of `steps` steps that will run from `first_step` on."""

    @abstractmethod
    def predict_noise(
        self, latents: torch.Tensor, timesteps: torch.Tensor, embeddings: torch.Tensor
    ) -> torch.Tensor:
        """Noise, float32 [n, c, h, w], in latents; timesteps [n], embeddings [n, tokens, width]."""

    @abstractmethod
    def render_previews(self, latents: torch.Tensor) -> torch.Tensor:
        """Cheap renderings, pixels [n, 3, h, w], of latents [n, c, h, w]."""
