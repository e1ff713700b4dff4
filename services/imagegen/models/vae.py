"""AutoencoderKL (Rombach et al., 2022): encode, decode, score and walk, with or without a denoiser."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL

from imagegen.domain import Capability, ModelDescription
from imagegen.likelihood import discretised_gaussian_log_likelihood, kl_to_standard_normal
from imagegen.models.base import ElboTerms, LatentModel

VAE_CAPABILITIES = frozenset({Capability.ENCODE, Capability.DECODE, Capability.SCORE, Capability.INTERPOLATE})


class VaeModel(LatentModel):
    """A variational autoencoder; Score assumes a Gaussian decoder of `score_sigma` on the [-1, 1] scale."""

    def __init__(
        self, vae: AutoencoderKL, description: ModelDescription, device: torch.device, score_sigma: float
    ) -> None:
        super().__init__(description, device)
        self._vae: Any = vae
        self._score_sigma = score_sigma
        self._dtype: torch.dtype = next(self._vae.parameters()).dtype
        self._scale = float(self._vae.config.scaling_factor)
        self._shift = float(self._vae.config.shift_factor or 0.0)

    @property
    def cell_size(self) -> int:
        """Pixels along a side of a latent cell."""
        return cell_size(self._vae.config)

    @property
    def score_method(self) -> str:
        """What `elbo_terms` computes."""
        return (
            "Evidence lower bound of the model's variational autoencoder (not of its denoiser) on the "
            "log-probability of the image's 8-bit RGB levels: decoder a Gaussian of standard deviation "
            f"{self._score_sigma:g} on the [-1, 1] pixel scale, integrated over each level; prior N(0, I) "
            "on the latent before scaling; expectation over the posterior by Monte Carlo."
        )

    def encode(self, pixels: torch.Tensor, seeds: Sequence[int] | None = None) -> torch.Tensor:
        """Latents [n, c, h, w] of pixels [n, 3, H, W]."""
        mean, log_variance = self._posterior(pixels)
        latents = mean
        if seeds is not None:
            rows = zip(seeds, mean, strict=True)
            noise = [torch.randn(row.shape, generator=torch.Generator().manual_seed(s)) for s, row in rows]
            latents = mean + torch.exp(0.5 * log_variance) * torch.stack(noise).to(self.device)
        return (latents - self._shift) * self._scale

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels [n, 3, H, W] in [-1, 1] of latents [n, c, h, w]."""
        return self._decode_unscaled(latents.to(self.device) / self._scale + self._shift).clamp(-1.0, 1.0)

    def elbo_terms(self, pixels: torch.Tensor, draws: int, generator: torch.Generator) -> ElboTerms:
        """Terms of the bound for one image [1, 3, H, W]."""
        mean, log_variance = self._posterior(pixels)
        noise = torch.randn((draws, *mean.shape[1:]), generator=generator).to(self.device)
        means = self._decode_unscaled(mean + torch.exp(0.5 * log_variance) * noise)
        reconstruction = discretised_gaussian_log_likelihood(
            pixels.to(self.device).expand_as(means), means, self._score_sigma
        )
        return ElboTerms(reconstruction.cpu(), kl_to_standard_normal(mean, log_variance))

    def _posterior(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance, float32 [n, c, h, w], before scaling."""
        posterior = self._vae.encode(pixels.to(self.device, self._dtype)).latent_dist
        return posterior.mean.float(), posterior.logvar.float()

    def _decode_unscaled(self, latents: torch.Tensor) -> torch.Tensor:
        pixels: torch.Tensor = self._vae.decode(latents.to(self._dtype)).sample
        return pixels.float()


def cell_size(config: Mapping[str, Any]) -> int:
    """Pixels along a side of a latent cell, by an autoencoder's config: every block but the last halves the size."""
    blocks = len(config["block_out_channels"])
    return int(2 ** (blocks - 1))


def count_parameters(*modules: torch.nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())
