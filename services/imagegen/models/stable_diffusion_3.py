"""Flow matching with a transformer (Esser et al., 2024, arXiv:2403.03206), in StableDiffusion3Pipeline's format.

The two CLIP encoders share the width of the caption's tokens; the third, a T5, adds tokens of its own. Where it
is absent zeros stand in, as many as it would add: that is how the pipeline does it, and attention counts them.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from imagegen.models.base import Condition, ModelInput
from imagegen.models.latent_diffusion import LatentDiffusionModel
from imagegen.models.text import TextTower, clip_tokens


class StableDiffusion3Model(LatentDiffusionModel):
    """Two or three text encoders, a transformer that predicts velocities, and a variational autoencoder."""

    def __init__(
        self, *, clips: tuple[TextTower, TextTower], t5: TextTower | None, t5_tokens: int, **parts: Any
    ) -> None:
        """`t5_tokens` is the pipeline's max_sequence_length; `parts` are those of LatentDiffusionModel."""
        super().__init__(**parts)
        self._clips, self._t5, self._t5_tokens = clips, t5, t5_tokens
        self._clip_tokens = clip_tokens(*clips)
        self._width = int(self._denoiser.config.joint_attention_dim)

    @property
    def lora_parts(self) -> Mapping[str, torch.nn.Module]:
        """The denoiser and the CLIP encoders; no trainer writes adapters of the third one."""
        first, second = self._clips
        return {
            "transformer": self._denoiser,
            "text_encoder": first.encoder,
            "text_encoder_2": second.encoder,
        }

    def encode_prompt(self, text: str) -> Condition:
        """Features [tokens, width] of a prompt, of fixed length, and its pooled embedding [pooled width]."""
        outputs = [
            clip.encoder(clip.tokens(text, self._clip_tokens), output_hidden_states=True)
            for clip in self._clips
        ]
        clip_features = torch.cat([output.hidden_states[-2][0] for output in outputs], dim=-1)
        clip_features = functional.pad(clip_features, (0, self._width - clip_features.shape[-1]))
        pooled = torch.cat([output.text_embeds[0] for output in outputs])
        features = torch.cat([clip_features, self._t5_features(text, clip_features)])
        return features.to(self._denoiser_dtype), pooled.to(self._denoiser_dtype)

    def predict(self, rows: ModelInput) -> torch.Tensor:
        """Velocity noise - clean, float32 [n, c, h, w]."""
        features, pooled = rows.condition
        prediction: torch.Tensor = self._denoiser(
            hidden_states=rows.latents.to(self.device, self._denoiser_dtype),
            timestep=rows.timesteps.to(self.device),
            encoder_hidden_states=features,
            pooled_projections=pooled,
            return_dict=False,
        )[0]
        return prediction.float()

    def _t5_features(self, text: str, like: torch.Tensor) -> torch.Tensor:
        if self._t5 is None:
            return like.new_zeros(self._t5_tokens, self._width)
        features: torch.Tensor = self._t5.encoder(self._t5.tokens(text, self._t5_tokens))[0][0]
        return features.to(like.dtype)
