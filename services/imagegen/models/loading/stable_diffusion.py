"""StableDiffusionPipeline: a U-Net, an autoencoder and one CLIP text encoder."""

from typing import Any

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from imagegen.domain import Capability, Conditioning, Guidance, ModelDescription
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import (
    MAX_SIZE_FACTOR,
    Source,
    check_channels,
    check_square,
    default_guidance,
    default_steps,
    dtype_name,
)
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import cell_size, count_parameters
from imagegen.samplers import SamplerBank


def load_stable_diffusion(source: Source, options: LoadOptions) -> StableDiffusionModel:
    """The pipeline's parts. Raises ValueError for a U-Net that needs other conditions than a text's."""
    vae_config = source.config(AutoencoderKL, "vae")
    _check_unet(source.config(UNet2DConditionModel, "unet"), vae_config)
    vae = source.load_vae("vae", vae_config, options)
    unet = source.load(UNet2DConditionModel, "unet", options, torch_dtype=options.dtype)
    text_encoder = source.load(CLIPTextModel, "text_encoder", options, dtype=options.dtype)
    tokenizer = source.load_tokenizer(CLIPTokenizer, "tokenizer")
    samplers = SamplerBank(source.config(DDIMScheduler, "scheduler"))
    own = read_defaults(source.reference)
    scale = cell_size(vae)
    cells = int(unet.config.sample_size)
    max_size = min(options.max_size, cells * scale * MAX_SIZE_FACTOR) // scale * scale
    size = min(cells * scale, max_size)
    description = ModelDescription(
        id=source.model_id,
        architecture=source.architecture,
        capabilities=frozenset(Capability),
        samplers=samplers.samplers,
        max_steps=samplers.max_steps,
        default_width=size,
        default_height=size,
        max_size=max_size,
        size_granularity=scale,
        default_steps=default_steps(own, options, samplers),
        default_guidance_scale=default_guidance(own, options),
        latent_shape=(int(unet.config.in_channels), size // scale, size // scale),
        parameter_count=count_parameters(vae, unet, text_encoder),
        dtype=dtype_name(unet),
        device=str(options.device),
        conditioning=Conditioning.TEXT,
        guidance=Guidance.CLASSIFIER_FREE,
    )
    return StableDiffusionModel(
        vae=vae,
        denoiser=unet,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        samplers=samplers,
        description=description,
        device=options.device,
        score_sigma=options.score_sigma,
    )


def _check_unet(unet: dict[str, Any], vae: dict[str, Any]) -> None:
    """Refuse, by their configs, U-Nets that need inputs which a plain StableDiffusionPipeline does not give."""
    check_channels("U-Net", unet, vae)
    for option in ("addition_embed_type", "class_embed_type", "time_cond_proj_dim"):
        if unet.get(option) is not None:
            raise ValueError(f"its U-Net needs a condition ({option}) that is not supported")
    check_square("U-Net", unet)
