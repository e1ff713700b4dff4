"""StableDiffusionPipeline: a U-Net, an autoencoder and one CLIP text encoder."""

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from imagegen.models.inpainting import StableDiffusionInpaintModel
from imagegen.models.loading.discrete import load_samplers
from imagegen.models.loading.latent_diffusion import describe
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import Source
from imagegen.models.loading.unet import check_unet, sees_image, unet_sizes
from imagegen.models.stable_diffusion import StableDiffusionModel


def load_stable_diffusion(source: Source, options: LoadOptions) -> StableDiffusionModel:
    """The pipeline's parts. Raises ValueError for a U-Net that needs other conditions than a text's."""
    vae_config = source.config(AutoencoderKL, "vae")
    unet_config = source.config(UNet2DConditionModel, "unet")
    seeing = sees_image(source, unet_config, vae_config)
    check_unet(unet_config, vae_config, seeing=seeing)
    vae = source.load_vae("vae", vae_config, options)
    unet = source.load(UNet2DConditionModel, "unet", options, torch_dtype=options.dtype)
    text_encoder = source.load(CLIPTextModel, "text_encoder", options, dtype=options.dtype)
    tokenizer = source.load_tokenizer(CLIPTokenizer, "tokenizer")
    samplers = load_samplers(source)
    description = describe(
        source,
        options,
        read_defaults(source.reference),
        denoiser=unet,
        vae=vae,
        encoders=(text_encoder,),
        samplers=samplers,
        sizes=unet_sizes(unet_config, vae_config, options),
    )
    return (StableDiffusionInpaintModel if seeing else StableDiffusionModel)(
        vae=vae,
        denoiser=unet,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        samplers=samplers,
        description=description,
        device=options.device,
        score_sigma=options.score_sigma,
    )
