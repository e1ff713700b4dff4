"""What loaders of latent diffusion models check and describe alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from imagegen.domain import Capability, Conditioning, Guidance, ModelDescription, ScoreMethod
from imagegen.models.loading.options import GenerationDefaults, LoadOptions
from imagegen.models.loading.source import Source, check_square, default_steps, dtype_name
from imagegen.models.vae import count_parameters
from imagegen.schedules import Samplers


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sides of images, in pixels: the default, the most, what they are multiples of, and those of a latent cell."""

    default: int
    most: int
    granularity: int
    cell: int


def check_denoiser(what: str, denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Refuse, by their configs, a denoiser of no single side, or whose input is not the autoencoder's latent."""
    if denoiser.get("in_channels") != vae.get("latent_channels"):
        raise ValueError(
            f"its {what} takes {denoiser.get('in_channels')} channels, "
            f"its latents have {vae.get('latent_channels')}"
        )
    check_square(what, denoiser)


def describe(
    source: Source,
    options: LoadOptions,
    own: GenerationDefaults,
    *,
    denoiser: Any,
    vae: Any,
    encoders: Sequence[torch.nn.Module] = (),
    samplers: Samplers,
    sizes: Sizes,
    conditioning: Conditioning = Conditioning.TEXT,
    labels: Sequence[str] = (),
    guidance: Guidance = Guidance.CLASSIFIER_FREE,
    guidance_scale: float | None = None,
) -> ModelDescription:
    """All capabilities, and defaults of the model's `own` before the family's or else the options'."""
    scales = (own.guidance_scale, guidance_scale, options.default_guidance_scale)
    scale = 0.0 if guidance is Guidance.NONE else next(scale for scale in scales if scale is not None)
    cells = sizes.default // sizes.cell
    return ModelDescription(
        id=source.model_id,
        architecture=source.architecture,
        capabilities=frozenset(Capability),
        samplers=samplers.samplers,
        max_steps=samplers.max_steps,
        default_width=sizes.default,
        default_height=sizes.default,
        max_size=sizes.most,
        size_granularity=sizes.granularity,
        default_steps=default_steps(own, options, samplers),
        default_guidance_scale=scale,
        latent_shape=(int(vae.config.latent_channels), cells, cells),
        parameter_count=count_parameters(denoiser, vae, *encoders),
        dtype=dtype_name(denoiser),
        device=str(options.device),
        conditioning=conditioning,
        labels=tuple(labels),
        guidance=guidance,
        score_methods=(ScoreMethod.VAE_ELBO, ScoreMethod.PROBABILITY_FLOW),
    )
