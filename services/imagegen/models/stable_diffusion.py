"""Latent diffusion with a U-Net and a CLIP text condition, in StableDiffusionPipeline's format.

The pipeline's components are used, never its `__call__`, whose loop and interrupt flag own all rows.
"""

from collections.abc import Mapping
from typing import Any

import torch

from imagegen.models.base import Condition, ModelInput
from imagegen.models.latent_diffusion import LatentDiffusionModel


class StableDiffusionModel(LatentDiffusionModel):
    """A text encoder, a U-Net that predicts noise, and a variational autoencoder."""

    def __init__(self, *, text_encoder: Any, tokenizer: Any, **parts: Any) -> None:
        """`parts` are those of LatentDiffusionModel."""
        super().__init__(**parts)
        self._text_encoder = text_encoder
        self._tokenizer = tokenizer
        self._prompt_tokens = min(
            int(tokenizer.model_max_length), int(text_encoder.config.max_position_embeddings)
        )

    @property
    def lora_parts(self) -> Mapping[str, torch.nn.Module]:
        """The denoiser and the text encoder."""
        return {"unet": self._denoiser, "text_encoder": self._text_encoder}

    def encode_prompt(self, text: str) -> Condition:
        """Features [tokens, width] of a prompt, padded to the model's fixed length, cut off beyond it."""
        tokens = self._tokenizer(
            text, padding="max_length", max_length=self._prompt_tokens, truncation=True, return_tensors="pt"
        )
        attention_mask = None
        if getattr(self._text_encoder.config, "use_attention_mask", False):
            attention_mask = tokens.attention_mask.to(self.device)
        output = self._text_encoder(tokens.input_ids.to(self.device), attention_mask=attention_mask)
        features: torch.Tensor = output.last_hidden_state[0]
        return (features.to(self._denoiser_dtype),)

    def predict(self, rows: ModelInput) -> torch.Tensor:
        """Noise, or what else the scheduler's `prediction_type` says, float32 [n, c, h, w]."""
        (features,) = rows.condition
        prediction: torch.Tensor = self._denoiser(
            rows.latents.to(self.device, self._denoiser_dtype),
            rows.timesteps.to(self.device),
            encoder_hidden_states=features,
            return_dict=False,
        )[0]
        return prediction.float()
