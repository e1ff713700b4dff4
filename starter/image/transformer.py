"""The transformer under flow matching, as in Stable Diffusion 3 (Esser et al., 2024, arXiv:2403.03206)."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import SD3Transformer2DModel

from .denoising import Denoiser, Recipe
from .models import build_transformer

RECIPE = Recipe(steps=6_400, peak_rate=1.2e-3, again=5_000)
MAX_ZEROS = 256  # what StableDiffusion3Pipeline appends to a caption where it has no third text encoder


class WeighedAttention:
    """Joint attention in which the last caption token counts as `zeros` equal ones.

    StableDiffusion3Pipeline fills the third text encoder's place with as many zero tokens as its caller
    likes. They never differ from each other, so one with log(zeros) added to its scores stands for all.
    """

    def __init__(self) -> None:
        self.zeros = 1.0

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,  # part of diffusers' call, and always absent
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attended picture tokens and caption tokens, each as they came, [n, tokens, width]."""
        split = hidden_states.shape[1]
        ours = (attn.to_q, attn.to_k, attn.to_v)
        theirs = (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
        query, key, value = (
            _heads(torch.cat([mine(hidden_states), other(encoder_hidden_states)], dim=1), attn.heads)
            for mine, other in zip(ours, theirs, strict=True)
        )
        bias = torch.zeros(key.shape[2], dtype=query.dtype)
        bias[-1] = math.log(self.zeros)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias[None])
        mixed = mixed.transpose(1, 2).flatten(2)
        caption = mixed[:, split:]
        return attn.to_out[0](mixed[:, :split]), caption if attn.context_pre_only else attn.to_add_out(
            caption
        )


def _heads(x: torch.Tensor, count: int) -> torch.Tensor:
    """[n, tokens, width] to [n, count, tokens, width of a head]."""
    return x.view(x.shape[0], x.shape[1], count, -1).transpose(1, 2)


class Flow(Denoiser):
    """Straight paths: (1 - level) x + level noise, velocity noise - x."""

    name = "transformer"

    def __init__(self) -> None:
        self.network: SD3Transformer2DModel = build_transformer()
        self._attention = WeighedAttention()
        self.network.set_attn_processor(self._attention)

    def is_inner(self, name: str, parameter: torch.nn.Parameter) -> bool:
        """Those of attention and feed-forward; not those that modulate the layers."""
        return parameter.ndim == 2 and "transformer_blocks" in name and "norm" not in name

    def noised(
        self, x: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """At the timestep of a thousand that is the level."""
        shares = levels[:, None, None, None]
        return (1 - shares) * x + shares * noise, noise - x, 1000 * levels

    def predict(
        self, x: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        """Velocity [n, c, h, w]; as many zero tokens as chance says are appended."""
        self._attention.zeros = MAX_ZEROS ** float(torch.rand(()))
        tokens = torch.cat([tokens, torch.zeros_like(tokens[:, :1])], dim=1)
        predicted: torch.Tensor = self.network(x, tokens, pooled, timesteps).sample
        return predicted
