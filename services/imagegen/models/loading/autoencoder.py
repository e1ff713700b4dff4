"""Bare AutoencoderKL directories."""

from imagegen.domain import ModelDescription, ScoreMethod
from imagegen.models.loading.options import LoadOptions
from imagegen.models.loading.source import Source, dtype_name
from imagegen.models.vae import VAE_CAPABILITIES, VaeModel, cell_size, count_parameters


def load_autoencoder(source: Source, options: LoadOptions) -> VaeModel:
    """The autoencoder in a directory."""
    vae = source.load_vae(None, source.index, options)
    scale = cell_size(vae.config)
    size = min(int(vae.config.sample_size), options.max_size) // scale * scale
    description = ModelDescription(
        id=source.model_id,
        architecture=source.architecture,
        capabilities=VAE_CAPABILITIES,
        samplers=(),
        max_steps={},
        default_width=size,
        default_height=size,
        max_size=options.max_size // scale * scale,
        size_granularity=scale,
        default_steps=0,
        default_guidance_scale=0.0,
        latent_shape=(int(vae.config.latent_channels), size // scale, size // scale),
        parameter_count=count_parameters(vae),
        dtype=dtype_name(vae),
        device=str(options.device),
        score_methods=(ScoreMethod.VAE_ELBO,),
    )
    return VaeModel(vae, description, options.device, options.score_sigma)
