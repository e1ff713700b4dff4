"""Class-conditional latent diffusion with a transformer (Peebles and Xie, 2022, arXiv:2212.09748), in DiTPipeline's
format. A prompt is a class's label; the empty prompt is the null class, which guidance moves away from.
"""

from collections.abc import Mapping
from typing import Any

import torch

from imagegen.models.base import Condition, ModelInput
from imagegen.models.latent_diffusion import LatentDiffusionModel


class DiTModel(LatentDiffusionModel):
    """A transformer that predicts noise, and a variational autoencoder."""

    def __init__(self, *, classes: Mapping[str, int], **parts: Any) -> None:
        """`classes` numbers the labels; `parts` are those of LatentDiffusionModel."""
        super().__init__(**parts)
        self._classes = classes
        self._null_class = int(self._denoiser.config.num_embeds_ada_norm)

    @property
    def lora_parts(self) -> Mapping[str, torch.nn.Module]:
        """The denoiser."""
        return {"transformer": self._denoiser}

    def encode_prompt(self, text: str) -> Condition:
        """The number of a class, [] of int64: classes have no path between them."""
        return (torch.tensor(self._classes[text] if text else self._null_class, device=self.device),)

    def predict(self, rows: ModelInput) -> torch.Tensor:
        """Noise, float32 [n, c, h, w]; the variance that the transformer learned is not used."""
        (classes,) = rows.condition
        prediction: torch.Tensor = self._denoiser(
            rows.latents.to(self.device, self._denoiser_dtype),
            timestep=rows.timesteps.to(self.device),
            class_labels=classes,
            return_dict=False,
        )[0]
        return prediction[:, : self.noise_channels].float()
