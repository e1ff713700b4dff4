"""U-Nets that were trained to paint the hidden part of an image: beside the noisy latent they see the mask and the
latent of what it leaves, as in StableDiffusionInpaintPipeline and StableDiffusionXLInpaintPipeline.
"""

from dataclasses import replace

import torch

from imagegen.models.base import Condition, ModelInput
from imagegen.models.latent_diffusion import LatentDiffusionModel
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.stable_diffusion_xl import StableDiffusionXLModel


class _SeesImage(LatentDiffusionModel):
    """What is seen of an image is the end of a condition; where that is missing all is hidden."""

    def encode_context(
        self, height: int, width: int, pixels: torch.Tensor | None = None, mask: torch.Tensor | None = None
    ) -> Condition:
        """The mask [1, h, w], a cell's first pixel deciding, and the latent [c, h, w] of what it leaves."""
        if pixels is None or mask is None:
            pixels, mask = torch.zeros(1, 3, height, width), torch.ones(1, 1, height, width)
        cells = mask[0, :, :: self.cell_size, :: self.cell_size].to(self.device)
        return cells, self.encode(pixels * (mask < 0.5))[0]

    def predict(self, rows: ModelInput) -> torch.Tensor:
        """Noise, or what else the scheduler's `prediction_type` says, float32 [n, c, h, w]."""
        condition = rows.condition
        if condition[-1].ndim < rows.latents.ndim:
            height, width = (side * self.cell_size for side in rows.latents.shape[2:])
            hidden = self.encode_context(height, width)
            condition += tuple(seen.expand(len(rows.latents), *seen.shape) for seen in hidden)
        *text, mask, kept = condition
        latents = torch.cat([rows.latents.to(self.device), mask, kept], dim=1)
        # The classes below put a family behind this one.
        return super().predict(replace(rows, latents=latents, condition=tuple(text)))  # type: ignore[safe-super]


class StableDiffusionInpaintModel(_SeesImage, StableDiffusionModel):
    """One text encoder."""


class StableDiffusionXLInpaintModel(_SeesImage, StableDiffusionXLModel):
    """Two text encoders."""
