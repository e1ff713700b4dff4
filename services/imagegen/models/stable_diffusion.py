"""Latent diffusion (Rombach et al., 2022) with a CLIP text condition, in StableDiffusionPipeline's format.

The pipeline's components are used, never its `__call__`, whose loop and interrupt flag own all rows.
"""

from typing import Any

import torch

from imagegen.domain import ModelDescription, Sampler
from imagegen.models.base import DiffusionModel
from imagegen.models.preview import apply_preview, fit_preview
from imagegen.models.vae import VaeModel
from imagegen.samplers import NoiseSchedule, SamplerBank


class StableDiffusionModel(VaeModel, DiffusionModel):
    """A text encoder, a U-Net that predicts noise, and a variational autoencoder."""

    def __init__(
        self,
        *,
        vae: Any,
        unet: Any,
        text_encoder: Any,
        tokenizer: Any,
        samplers: SamplerBank,
        description: ModelDescription,
        device: torch.device,
        score_sigma: float,
    ) -> None:
        super().__init__(vae, description, device, score_sigma)
        self._unet = unet
        self._text_encoder = text_encoder
        self._tokenizer = tokenizer
        self._samplers = samplers
        self._unet_dtype: torch.dtype = next(unet.parameters()).dtype
        self._prompt_tokens = min(
            int(tokenizer.model_max_length), int(text_encoder.config.max_position_embeddings)
        )
        with torch.inference_mode():
            self._preview = fit_preview(self, int(unet.config.in_channels))

    def encode_prompt(self, text: str) -> torch.Tensor:
        """Embedding [tokens, width] of a prompt."""
        tokens = self._tokenizer(
            text, padding="max_length", max_length=self._prompt_tokens, truncation=True, return_tensors="pt"
        )
        attention_mask = None
        if getattr(self._text_encoder.config, "use_attention_mask", False):
            attention_mask = tokens.attention_mask.to(self._device)
        output = self._text_encoder(tokens.input_ids.to(self._device), attention_mask=attention_mask)
        embedding: torch.Tensor = output.last_hidden_state[0]
        return embedding.to(self._unet_dtype)

    def schedule(self, sampler: Sampler, steps: int, first_step: int = 0) -> NoiseSchedule:
        """A fresh schedule of `steps` steps."""
        return self._samplers.schedule(sampler, steps, first_step)

    def predict_noise(
        self, latents: torch.Tensor, timesteps: torch.Tensor, embeddings: torch.Tensor
    ) -> torch.Tensor:
        """Noise, float32 [n, c, h, w]."""
        prediction: torch.Tensor = self._unet(
            latents.to(self._device, self._unet_dtype),
            timesteps.to(self._device),
            encoder_hidden_states=embeddings,
            return_dict=False,
        )[0]
        return prediction.float()

    def render_previews(self, latents: torch.Tensor) -> torch.Tensor:
        """Cheap renderings, pixels [n, 3, h, w]."""
        return apply_preview(self._preview, latents)
