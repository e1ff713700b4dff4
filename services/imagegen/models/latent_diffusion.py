"""What models that denoise an autoencoder's latents have in common (Rombach et al., 2022, arXiv:2112.10752)."""

from typing import Any

import torch

from imagegen.domain import ModelDescription, Sampler
from imagegen.models.base import DiffusionModel
from imagegen.models.preview import apply_preview, fit_preview
from imagegen.models.vae import VaeModel
from imagegen.probability_flow import FlowPath
from imagegen.schedules import NoiseSchedule, Samplers


class LatentDiffusionModel(VaeModel, DiffusionModel):
    """A variational autoencoder, a denoiser of its latents, and samplers."""

    def __init__(
        self,
        *,
        vae: Any,
        denoiser: Any,
        samplers: Samplers,
        description: ModelDescription,
        device: torch.device,
        score_sigma: float,
    ) -> None:
        super().__init__(vae, description, device, score_sigma)
        self._denoiser = denoiser
        self._denoiser_dtype: torch.dtype = next(denoiser.parameters()).dtype
        self._samplers = samplers
        with torch.inference_mode():
            self._preview = fit_preview(self, self.noise_channels)

    def schedule(
        self, sampler: Sampler | None, steps: int, first_step: int = 0, cells: int | None = None
    ) -> NoiseSchedule:
        """A fresh schedule of `steps` steps."""
        _, height, width = self.description.latent_shape
        return self._samplers.schedule(sampler, steps, first_step, cells or height * width)

    @property
    def flow(self) -> FlowPath:
        """The probability-flow ODE of the denoiser."""
        return self._samplers.flow

    def render_previews(self, latents: torch.Tensor) -> torch.Tensor:
        """Cheap renderings, pixels [n, 3, h, w]."""
        return apply_preview(self._preview, latents)
