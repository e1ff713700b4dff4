"""Previews by a linear map from latent to RGB, the least-squares fit of what the decoder makes of a cell."""

import torch
from torch.nn import functional

from imagegen.models.vae import VaeModel

_ROWS, _SIDE = 4, 16


def fit_preview(vae: VaeModel, channels: int) -> torch.Tensor:
    """Weights [channels + 1, 3], the last row the bias, that best map a cell to its mean colour.

    The fit decodes a few smooth Gaussian latents once, at load; white noise is unlike what models make.
    """
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn((_ROWS, channels, _SIDE // 4, _SIDE // 4), generator=generator)
    latents = functional.interpolate(coarse, size=(_SIDE, _SIDE), mode="bilinear")
    latents = latents + 0.1 * torch.randn(latents.shape, generator=generator)
    colours = functional.avg_pool2d(vae.decode(latents), vae.cell_size)
    inputs = latents.permute(0, 2, 3, 1).reshape(-1, channels)
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    targets = colours.permute(0, 2, 3, 1).reshape(-1, 3).cpu()
    solution: torch.Tensor = torch.linalg.lstsq(inputs, targets).solution
    return solution.to(vae.device)


def apply_preview(weights: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """Pixels [n, 3, h, w] in [-1, 1] of latents [n, c, h, w]."""
    colours = torch.einsum("nchw,cr->nrhw", latents.float(), weights[:-1]) + weights[-1][None, :, None, None]
    return colours.clamp(-1.0, 1.0)
