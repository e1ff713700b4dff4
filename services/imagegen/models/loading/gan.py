"""Directories of a style-based generator, as `StyleGenerator.save` writes them."""

from pathlib import Path

from imagegen.domain import Conditioning, ModelDescription
from imagegen.models.gan import GeneratorConfig, load_generator
from imagegen.models.generator import GENERATOR_CAPABILITIES, GeneratorModel
from imagegen.models.loading.options import LoadOptions
from imagegen.models.loading.source import Source, check_fits, dtype_name, place
from imagegen.models.vae import count_parameters


def load_gan(source: Source, options: LoadOptions) -> GeneratorModel:
    """The generator in a directory; images have its one size."""
    config = GeneratorConfig.model_validate(source.index)
    check_fits(config.image_size, options)
    generator = place(load_generator(Path(source.reference), config).to(options.dtype), options.device)
    description = ModelDescription(
        id=source.model_id,
        architecture=source.architecture,
        capabilities=GENERATOR_CAPABILITIES,
        samplers=(),
        max_steps={},
        default_width=config.image_size,
        default_height=config.image_size,
        max_size=config.image_size,
        size_granularity=config.image_size,
        default_steps=1,
        default_guidance_scale=0.0,
        latent_shape=(config.style_dim, 1, 1),
        parameter_count=count_parameters(generator),
        dtype=dtype_name(generator),
        device=str(options.device),
        conditioning=Conditioning.LABEL,
        labels=config.labels,
        default_truncation=config.default_truncation,
    )
    return GeneratorModel(generator, description, options.device)
