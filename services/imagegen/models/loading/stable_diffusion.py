"""StableDiffusionPipeline: a U-Net, an autoencoder and one CLIP text encoder."""

from typing import Any

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from imagegen.models.loading.latent_diffusion import Sizes, check_denoiser, describe
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import MAX_SIZE_FACTOR, Source
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import cell_size
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
    scale = cell_size(vae.config)
    trained = int(unet.config.sample_size) * scale
    most = min(options.max_size, trained * MAX_SIZE_FACTOR) // scale * scale
    description = describe(
        source,
        options,
        own,
        denoiser=unet,
        others=(vae, text_encoder),
        samplers=samplers,
        sizes=Sizes(min(trained, most), most, scale, scale),
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
    for option in ("addition_embed_type", "class_embed_type", "time_cond_proj_dim"):
        if unet.get(option) is not None:
            raise ValueError(f"its U-Net needs a condition ({option}) that is not supported")
    check_denoiser("U-Net", unet, vae)
