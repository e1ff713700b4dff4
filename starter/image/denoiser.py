"""The U-Net under diffusion noise, as in Stable Diffusion with v-prediction (Salimans and Ho, 2022)."""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel

from .denoising import Denoiser, Recipe
from .models import build_scheduler, build_unet

RECIPE = Recipe(steps=12_000, peak_rate=1.2e-3)


class Diffusion(Denoiser):
    """Variance-preserving noise: alpha x + sigma noise, velocity alpha noise - sigma x."""

    name = "unet"

    def __init__(self) -> None:
        self.network: UNet2DConditionModel = build_unet()
        self._scheduler = build_scheduler()
        kept = self._scheduler.alphas_cumprod
        self._ratios = ((1 - kept) / kept).sqrt()  # of noise to signal, rising with the timestep

    def noised(
        self, x: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """At the timestep whose ratio of noise to signal is that of the levels."""
        timesteps = torch.searchsorted(self._ratios, levels / (1 - levels))
        timesteps = timesteps.clamp(0, len(self._ratios) - 1)
        noisy = self._scheduler.add_noise(x, noise, timesteps)
        return noisy, self._scheduler.get_velocity(x, noise, timesteps), timesteps

    def predict(
        self, x: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        """Velocity [n, c, h, w]; the pooled features are not used."""
        predicted: torch.Tensor = self.network(x, timesteps, tokens).sample
        return predicted
