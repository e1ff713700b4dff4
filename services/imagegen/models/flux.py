"""Flow matching with a transformer over patches (Black Forest Labs, 2024), in FluxPipeline's format.

A patch of 2 x 2 latent cells is a token; all rows of a pass have the same positions, so they are of one size. Where
the transformer was distilled from guided ones it hears the guidance scale (Meng et al., 2022, arXiv:2210.03142).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from imagegen.domain import Guidance
from imagegen.models.base import Condition, ModelInput
from imagegen.models.latent_diffusion import LatentDiffusionModel
from imagegen.models.text import TextTower, clip_tokens

PATCH = 2  # latent cells along a side of a token
_TRAINING_STEPS = 1000


class FluxModel(LatentDiffusionModel):
    """A CLIP encoder for the caption as a whole, a T5 for its tokens, a transformer, and an autoencoder."""

    def __init__(self, *, clip: TextTower, t5: TextTower, t5_tokens: int, **parts: Any) -> None:
        """`t5_tokens` is the pipeline's max_sequence_length; `parts` are those of LatentDiffusionModel."""
        super().__init__(**parts)
        self._clip, self._t5, self._t5_tokens = clip, t5, t5_tokens
        self._clip_tokens = clip_tokens(clip)

    @property
    def lora_parts(self) -> Mapping[str, torch.nn.Module]:
        """The denoiser and the CLIP encoder; no trainer writes adapters of the other one."""
        return {"transformer": self._denoiser, "text_encoder": self._clip.encoder}

    def encode_prompt(self, text: str) -> Condition:
        """Features [tokens, width] of a prompt, of fixed length, and its pooled embedding [pooled width]."""
        pooled = self._clip.encoder(self._clip.tokens(text, self._clip_tokens)).pooler_output[0]
        features = self._t5.encoder(self._t5.tokens(text, self._t5_tokens)).last_hidden_state[0]
        return features.to(self._denoiser_dtype), pooled.to(self._denoiser_dtype)

    def predict(self, rows: ModelInput) -> torch.Tensor:
        """Velocity noise - clean, float32 [n, c, h, w]."""
        features, pooled = rows.condition
        patches = functional.pixel_unshuffle(rows.latents.to(self.device, self._denoiser_dtype), PATCH)
        height, width = patches.shape[2:]
        guidance = None
        if self.description.guidance is Guidance.DISTILLED:
            guidance = rows.guidance_scales.to(self.device)
        prediction: torch.Tensor = self._denoiser(
            hidden_states=patches.flatten(2).transpose(1, 2),  # [n, h w / 4, 4 c]
            timestep=rows.timesteps.to(self.device) / _TRAINING_STEPS,
            guidance=guidance,
            encoder_hidden_states=features,
            pooled_projections=pooled,
            txt_ids=features.new_zeros((features.shape[1], 3), dtype=torch.float32),
            img_ids=_positions(height, width).to(self.device),
            return_dict=False,
        )[0]
        unpacked = prediction.transpose(1, 2).reshape(len(prediction), -1, height, width)
        return functional.pixel_shuffle(unpacked, PATCH).float()


def _positions(height: int, width: int) -> torch.Tensor:
    """Positions of an image's tokens, float32 [height * width, 3]: 0, row, column."""
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in (height, width))
    return torch.cartesian_prod(torch.zeros(1), rows, columns)
