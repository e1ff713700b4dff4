"""A GAN's generator behind the port: noise becomes a style in a single step, and a style is the latent to decode."""

import torch

from imagegen.domain import Capability, ModelDescription, Sampler
from imagegen.models.base import Condition, DiffusionModel, ModelInput
from imagegen.models.gan import StyleGenerator
from imagegen.schedules import NoiseSchedule, OneStep

GENERATOR_CAPABILITIES = frozenset({Capability.GENERATE, Capability.INTERPOLATE, Capability.DECODE})


class GeneratorModel(DiffusionModel):
    """Latents are styles [n, style_dim, 1, 1], truncated; the noise is [n, latent_dim, 1, 1]."""

    def __init__(
        self, generator: StyleGenerator, description: ModelDescription, device: torch.device
    ) -> None:
        super().__init__(description, device)
        self._generator = generator
        self._dtype = generator.start.weight.dtype

    @property
    def cell_size(self) -> int:
        """The only cell is the image."""
        return self._generator.config.image_size

    @property
    def noise_channels(self) -> int:
        """Those of what the mapping network takes."""
        return self._generator.config.latent_dim

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels [n, 3, H, W] in [-1, 1] of styles [n, style_dim, 1, 1]."""
        return self._generator.synthesize(latents.to(self.device, self._dtype)[..., 0, 0]).float()

    def encode_prompt(self, text: str) -> Condition:
        """The label as a mixture of all labels [labels], float32: between two labels lie their mixtures."""
        mixture = torch.zeros(len(self._generator.config.labels), device=self.device)
        mixture[self._generator.config.labels.index(text)] = 1.0
        return (mixture,)

    def schedule(
        self, sampler: Sampler | None, steps: int, first_step: int = 0, cells: int | None = None
    ) -> NoiseSchedule:
        """The only step."""
        return OneStep()

    def predict(self, rows: ModelInput) -> torch.Tensor:
        """Truncated styles, float32 [n, style_dim, 1, 1]."""
        labels = rows.condition[0].to(self._dtype)
        styles = self._generator.map(rows.latents.to(self.device, self._dtype)[..., 0, 0], labels)
        psi = rows.truncations.to(self.device, self._dtype)[:, None]
        return self._generator.truncate(styles, labels, psi).float()[..., None, None]

    def render_previews(self, latents: torch.Tensor) -> torch.Tensor:
        """The mean colour of each image, pixels [n, 3, 1, 1]."""
        return self.decode(latents).mean((2, 3), keepdim=True)
