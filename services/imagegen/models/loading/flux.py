"""FluxPipeline: a transformer, an autoencoder, a CLIP text encoder and a T5."""

from collections.abc import Mapping
from typing import Any

from diffusers import AutoencoderKL, FluxTransformer2DModel
from transformers import CLIPTextModel

from imagegen.domain import Guidance
from imagegen.models.flux import PATCH, FluxModel
from imagegen.models.loading.flow import load_flow_samplers
from imagegen.models.loading.latent_diffusion import Sizes, describe
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import MAX_SIZE_FACTOR, Source, check_square
from imagegen.models.loading.text import load_clip, load_t5
from imagegen.models.vae import cell_size

# The pipeline's own defaults of max_sequence_length and guidance_scale.
_T5_TOKENS = 512
_GUIDANCE_SCALE = 3.5


def load_flux(source: Source, options: LoadOptions) -> FluxModel:
    """The pipeline's parts. Raises ValueError for a transformer that takes more than noisy latents and text."""
    vae_config = source.config(AutoencoderKL, "vae")
    transformer_config = source.config(FluxTransformer2DModel, "transformer")
    _check_transformer(transformer_config, vae_config)
    # The transformer names no size: that of the autoencoder's training stands in.
    check_square("autoencoder", vae_config)
    samplers = load_flow_samplers(source, token_cells=PATCH**2, even_sigmas=True)
    vae = source.load_vae("vae", vae_config, options)
    transformer = source.load(FluxTransformer2DModel, "transformer", options, torch_dtype=options.dtype)
    clip, t5 = load_clip(source, "", options, CLIPTextModel), load_t5(source, "_2", options)
    own = read_defaults(source.reference)
    cell = cell_size(vae_config)
    token, trained = cell * PATCH, int(vae_config["sample_size"])
    most = min(options.max_size, trained * MAX_SIZE_FACTOR) // token * token
    description = describe(
        source,
        options,
        own,
        denoiser=transformer,
        vae=vae,
        encoders=(clip.encoder, t5.encoder),
        samplers=samplers,
        sizes=Sizes(min(trained // token * token, most), most, token, cell),
        guidance=Guidance.DISTILLED if transformer.config.guidance_embeds else Guidance.NONE,
        guidance_scale=_GUIDANCE_SCALE,
    )
    return FluxModel(
        vae=vae,
        denoiser=transformer,
        clip=clip,
        t5=t5,
        t5_tokens=own.max_sequence_length or _T5_TOKENS,
        samplers=samplers,
        description=description,
        device=options.device,
        score_sigma=options.score_sigma,
    )


def _check_transformer(transformer: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Refuse, by their configs, a transformer whose tokens are not patches of the autoencoder's latent."""
    channels = vae["latent_channels"] * PATCH**2
    for option, served in (("in_channels", channels), ("out_channels", channels), ("patch_size", 1)):
        found = transformer.get(option)
        if found != served and not (option == "out_channels" and found is None):
            raise ValueError(f"its transformer's {option}, {found}, is not {served}")
