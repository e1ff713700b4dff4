"""What loaders of pipelines with a conditional U-Net check and measure alike."""

from collections.abc import Mapping
from typing import Any

from imagegen.models.loading.latent_diffusion import Sizes, check_denoiser
from imagegen.models.loading.options import LoadOptions
from imagegen.models.loading.source import MAX_SIZE_FACTOR, Source, check_square
from imagegen.models.vae import cell_size

_CONDITIONS = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type", "num_class_embeds")
_GUIDANCE = "time_cond_proj_dim"  # of a U-Net that was distilled to hear the guidance scale


def sees_image(source: Source, unet: Mapping[str, Any], vae: Mapping[str, Any]) -> bool:
    """Whether an inpainting pipeline's U-Net takes a mask and a second latent; some take the noisy one alone."""
    channels = 2 * int(vae["latent_channels"]) + 1
    return source.architecture.endswith("InpaintPipeline") and unet.get("in_channels") == channels


def check_unet(
    unet: Mapping[str, Any], vae: Mapping[str, Any], addition: str | None = None, *, seeing: bool = False
) -> None:
    """Refuse, by their configs, U-Nets with inputs that a pipeline of text, and of an `addition`, does not give."""
    for option in (*_CONDITIONS, _GUIDANCE):
        served = addition if option == "addition_embed_type" else None
        if unet.get(option) != served:
            raise ValueError(f"its U-Net's {option}, {unet.get(option)}, is not supported: only {served} is")
    if seeing:
        check_square("U-Net", unet)
    else:
        check_denoiser("U-Net", unet, vae)


def unet_sizes(unet: Mapping[str, Any], vae: Mapping[str, Any], options: LoadOptions) -> Sizes:
    """Sizes of images, by configs that passed `check_unet`."""
    cell = cell_size(vae)
    trained = int(unet["sample_size"]) * cell
    most = min(options.max_size, trained * MAX_SIZE_FACTOR) // cell * cell
    return Sizes(min(trained, most), most, cell, cell)
