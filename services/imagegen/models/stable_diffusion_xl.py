"""Latent diffusion with a U-Net and two CLIP text encoders (Podell et al., 2023, arXiv:2307.01952), in
StableDiffusionXLPipeline's format. The U-Net is also told an image's size, as its own and as that of an uncropped
original.
"""

from collections.abc import Mapping
from typing import Any

import torch

from imagegen.models.base import Condition, ModelInput
from imagegen.models.latent_diffusion import LatentDiffusionModel
from imagegen.models.text import TextTower, clip_tokens


class StableDiffusionXLModel(LatentDiffusionModel):
    """Two text encoders, a U-Net that predicts noise, and a variational autoencoder."""

    def __init__(self, *, clips: tuple[TextTower, TextTower], zeros_for_empty: bool, **parts: Any) -> None:
        """`zeros_for_empty`: without a negative prompt guidance moves away from zeros, not from the empty prompt."""
        super().__init__(**parts)
        self._clips, self._zeros_for_empty = clips, zeros_for_empty
        self._prompt_tokens = clip_tokens(*clips)

    @property
    def lora_parts(self) -> Mapping[str, torch.nn.Module]:
        """The denoiser and the text encoders."""
        first, second = self._clips
        return {"unet": self._denoiser, "text_encoder": first.encoder, "text_encoder_2": second.encoder}

    def encode_prompt(self, text: str) -> Condition:
        """Features [tokens, width] of a prompt, of fixed length, and its pooled embedding [pooled width]."""
        outputs = [
            clip.encoder(clip.tokens(text, self._prompt_tokens), output_hidden_states=True)
            for clip in self._clips
        ]
        features = torch.cat([output.hidden_states[-2][0] for output in outputs], dim=-1)
        pooled = outputs[-1].text_embeds[0]
        return features.to(self._denoiser_dtype), pooled.to(self._denoiser_dtype)

    def encode_negative_prompt(self, text: str) -> Condition:
        """As a prompt, but zeros for the empty one where the pipeline says so."""
        condition = self.encode_prompt(text)
        if text or not self._zeros_for_empty:
            return condition
        return tuple(torch.zeros_like(tensor) for tensor in condition)

    def predict(self, rows: ModelInput) -> torch.Tensor:
        """Noise, or what else the scheduler's `prediction_type` says, float32 [n, c, h, w]."""
        features, pooled = rows.condition
        count, _, *cells = rows.latents.shape
        size = [side * self.cell_size for side in cells]
        # The original's height and width, where the crop begins, and the image's own height and width.
        numbers = torch.tensor([*size, 0, 0, *size], device=self.device, dtype=self._denoiser_dtype)
        prediction: torch.Tensor = self._denoiser(
            rows.latents.to(self.device, self._denoiser_dtype),
            rows.timesteps.to(self.device),
            encoder_hidden_states=features,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": numbers.expand(count, -1)},
            return_dict=False,
        )[0]
        return prediction.float()
