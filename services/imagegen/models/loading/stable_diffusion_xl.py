"""StableDiffusionXLPipeline: a U-Net, an autoencoder and two CLIP text encoders."""

from collections.abc import Mapping
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from imagegen.models.inpainting import StableDiffusionXLInpaintModel
from imagegen.models.loading.discrete import load_samplers
from imagegen.models.loading.latent_diffusion import describe
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import Source
from imagegen.models.loading.text import load_clip
from imagegen.models.loading.unet import check_unet, sees_image, unet_sizes
from imagegen.models.stable_diffusion_xl import StableDiffusionXLModel

_TIME_IDS = 6  # numbers about an image's size that the U-Net is told


def load_stable_diffusion_xl(source: Source, options: LoadOptions) -> StableDiffusionXLModel:
    """The pipeline's parts. Raises ValueError for a refiner, and for a U-Net that is told something else."""
    if source.index.get("requires_aesthetics_score"):
        raise ValueError("its requires_aesthetics_score is not supported")
    vae_config = source.config(AutoencoderKL, "vae")
    unet_config = source.config(UNet2DConditionModel, "unet")
    seeing = sees_image(source, unet_config, vae_config)
    check_unet(unet_config, vae_config, addition="text_time", seeing=seeing)
    clips = (load_clip(source, "", options, CLIPTextModel), load_clip(source, "_2", options))
    _check_time_ids(unet_config, int(clips[-1].encoder.config.projection_dim))
    samplers = load_samplers(source)
    vae = source.load_vae("vae", vae_config, options)
    unet = source.load(UNet2DConditionModel, "unet", options, torch_dtype=options.dtype)
    description = describe(
        source,
        options,
        read_defaults(source.reference),
        denoiser=unet,
        vae=vae,
        encoders=[clip.encoder for clip in clips],
        samplers=samplers,
        sizes=unet_sizes(unet_config, vae_config, options),
    )
    return (StableDiffusionXLInpaintModel if seeing else StableDiffusionXLModel)(
        vae=vae,
        denoiser=unet,
        clips=clips,
        zeros_for_empty=bool(source.index.get("force_zeros_for_empty_prompt", True)),
        samplers=samplers,
        description=description,
        device=options.device,
        score_sigma=options.score_sigma,
    )


def _check_time_ids(unet: Mapping[str, Any], pooled_width: int) -> None:
    """Refuse a U-Net that is told more or less than the pooled embedding and an image's size."""
    taken, each = unet.get("projection_class_embeddings_input_dim"), unet.get("addition_time_embed_dim")
    if not (taken and each) or taken != pooled_width + _TIME_IDS * each:
        raise ValueError(
            f"its U-Net's projection_class_embeddings_input_dim, {taken}, is not "
            f"{pooled_width} + {_TIME_IDS} x addition_time_embed_dim, {each}"
        )
