"""DDPMPipeline and DDIMPipeline: an unconditional U-Net on pixels."""

from typing import Any

from diffusers import UNet2DModel

from imagegen.domain import ModelDescription, ScoreMethod
from imagegen.models.loading.discrete import load_samplers
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import MAX_SIZE_FACTOR, Source, check_square, default_steps, dtype_name
from imagegen.models.pixel_diffusion import PIXEL_CAPABILITIES, PixelDiffusionModel
from imagegen.models.vae import count_parameters


def load_ddpm(source: Source, options: LoadOptions) -> PixelDiffusionModel:
    """The pipeline's parts. Raises ValueError for a U-Net that is not one of RGB images without a condition."""
    _check_unet(source.config(UNet2DModel, "unet"))
    unet = source.load(UNet2DModel, "unet", options, torch_dtype=options.dtype)
    samplers = load_samplers(source)
    # Every block but the last halves the size.
    step = 2 ** (len(unet.config.block_out_channels) - 1)
    trained = int(unet.config.sample_size)
    max_size = min(options.max_size, trained * MAX_SIZE_FACTOR) // step * step
    size = min(trained // step * step, max_size)
    description = ModelDescription(
        id=source.model_id,
        architecture=source.architecture,
        capabilities=PIXEL_CAPABILITIES,
        samplers=samplers.samplers,
        max_steps=samplers.max_steps,
        default_width=size,
        default_height=size,
        max_size=max_size,
        size_granularity=step,
        default_steps=default_steps(read_defaults(source.reference), options, samplers),
        default_guidance_scale=0.0,
        latent_shape=(int(unet.config.in_channels), size, size),
        parameter_count=count_parameters(unet),
        dtype=dtype_name(unet),
        device=str(options.device),
        score_methods=(ScoreMethod.PROBABILITY_FLOW,),
    )
    return PixelDiffusionModel(unet, samplers, description, options.device)


def _check_unet(unet: dict[str, Any]) -> None:
    channels = (unet.get("in_channels"), unet.get("out_channels"))
    if channels != (3, 3):
        raise ValueError(f"its U-Net maps {channels[0]} channels to {channels[1]}, not RGB to RGB")
    for option in ("class_embed_type", "num_class_embeds"):
        if unet.get(option) is not None:
            raise ValueError(f"its U-Net needs a condition ({option}) that is not supported")
    if unet.get("time_embedding_type", "positional") != "positional":
        raise ValueError("its U-Net's time_embedding_type is not positional")
    check_square("U-Net", unet)
