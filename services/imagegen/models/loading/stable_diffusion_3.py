"""StableDiffusion3Pipeline: a transformer, an autoencoder, two CLIP text encoders and, where there is one, a T5."""

from diffusers import AutoencoderKL, SD3Transformer2DModel

from imagegen.models.loading.flow import load_flow_samplers
from imagegen.models.loading.latent_diffusion import Sizes, check_denoiser, describe
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import MAX_SIZE_FACTOR, Source
from imagegen.models.loading.text import load_clip, load_t5
from imagegen.models.stable_diffusion_3 import StableDiffusion3Model
from imagegen.models.vae import cell_size

# The pipeline's own default of max_sequence_length.
_T5_TOKENS = 256


def load_stable_diffusion_3(source: Source, options: LoadOptions) -> StableDiffusion3Model:
    """The pipeline's parts. Raises ValueError for those that do not fit each other."""
    vae_config = source.config(AutoencoderKL, "vae")
    transformer_config = source.config(SD3Transformer2DModel, "transformer")
    check_denoiser("transformer", transformer_config, vae_config)
    samplers = load_flow_samplers(source, token_cells=int(transformer_config["patch_size"]) ** 2)
    vae = source.load_vae("vae", vae_config, options)
    transformer = source.load(SD3Transformer2DModel, "transformer", options, torch_dtype=options.dtype)
    clips = (load_clip(source, "", options), load_clip(source, "_2", options))
    # The index says whether there is a third encoder, but not of which class.
    has_t5 = (source.index.get("text_encoder_3") or [None])[0] is not None
    t5 = load_t5(source, "_3", options) if has_t5 else None
    own = read_defaults(source.reference)
    scale = cell_size(vae.config)
    patch = scale * int(transformer.config.patch_size)
    positions = int(transformer.config.pos_embed_max_size) * patch
    trained = int(transformer.config.sample_size) * scale
    most = min(options.max_size, trained * MAX_SIZE_FACTOR, positions) // patch * patch
    description = describe(
        source,
        options,
        own,
        denoiser=transformer,
        vae=vae,
        encoders=[tower.encoder for tower in (*clips, t5) if tower],
        samplers=samplers,
        sizes=Sizes(min(trained // patch * patch, most), most, patch, scale),
    )
    return StableDiffusion3Model(
        vae=vae,
        denoiser=transformer,
        clips=clips,
        t5=t5,
        t5_tokens=own.max_sequence_length or _T5_TOKENS,
        samplers=samplers,
        description=description,
        device=options.device,
        score_sigma=options.score_sigma,
    )
