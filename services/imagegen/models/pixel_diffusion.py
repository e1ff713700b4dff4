"""Unconditional diffusion on pixels (Ho et al., 2020, arXiv:2006.11239), in DDPMPipeline's and
DDIMPipeline's format: a latent is the
image itself, so that edits need no autoencoder (SDEdit: Meng et al., 2021, arXiv:2108.01073).
"""

from collections.abc import Sequence
from typing import Any

import torch

from imagegen.domain import Capability, ModelDescription, Sampler
from imagegen.models.base import Condition, DiffusionModel, ModelInput
from imagegen.probability_flow import FlowPath
from imagegen.schedules import NoiseSchedule, Samplers

PIXEL_CAPABILITIES = frozenset(
    {
        Capability.GENERATE,
        Capability.EDIT,
        Capability.INPAINT,
        Capability.INTERPOLATE,
        Capability.SCORE,
    }
)


class PixelDiffusionModel(DiffusionModel):
    """A U-Net that predicts noise in RGB images."""

    cell_size = 1
    of_pixels = True

    def __init__(
        self, unet: Any, samplers: Samplers, description: ModelDescription, device: torch.device
    ) -> None:
        super().__init__(description, device)
        self._unet = unet
        self._samplers = samplers
        self._dtype: torch.dtype = next(unet.parameters()).dtype

    def encode(self, pixels: torch.Tensor, seeds: Sequence[int] | None = None) -> torch.Tensor:
        """The pixels themselves, [n, 3, H, W]; there is nothing to draw."""
        return pixels.to(self.device)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """The latents, [n, 3, H, W], clipped to [-1, 1]."""
        return latents.to(self.device).clamp(-1.0, 1.0)

    def encode_prompt(self, text: str) -> Condition:
        """Nothing: there is no condition."""
        return ()

    def schedule(
        self, sampler: Sampler | None, steps: int, first_step: int = 0, cells: int | None = None
    ) -> NoiseSchedule:
        """A fresh schedule of `steps` steps."""
        return self._samplers.schedule(sampler, steps, first_step)

    def predict(self, rows: ModelInput) -> torch.Tensor:
        """Noise, or what else the scheduler's `prediction_type` says, float32 [n, 3, H, W]."""
        latents = rows.latents.to(self.device, self._dtype)
        prediction: torch.Tensor = self._unet(latents, rows.timesteps.to(self.device), return_dict=False)[0]
        return prediction.float()

    @property
    def flow(self) -> FlowPath:
        """The probability-flow ODE of the denoiser."""
        return self._samplers.flow

    def render_previews(self, latents: torch.Tensor) -> torch.Tensor:
        """The images as they are, pixels [n, 3, H, W]."""
        return self.decode(latents)
