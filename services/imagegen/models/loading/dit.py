"""DiTPipeline: a class-conditional transformer and an autoencoder."""

from collections.abc import Mapping

from diffusers import AutoencoderKL, DDIMScheduler, DiTTransformer2DModel

from imagegen.domain import Capability, Conditioning, Guidance, ModelDescription
from imagegen.models.dit import DiTModel
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import (
    Source,
    check_channels,
    check_square,
    default_guidance,
    default_steps,
    dtype_name,
)
from imagegen.models.vae import cell_size, count_parameters
from imagegen.samplers import SamplerBank


def load_dit(source: Source, options: LoadOptions) -> DiTModel:
    """The pipeline's parts; images have the one size that the transformer was trained at."""
    vae_config = source.config(AutoencoderKL, "vae")
    transformer_config = source.config(DiTTransformer2DModel, "transformer")
    check_channels("transformer", transformer_config, vae_config)
    check_square("transformer", transformer_config)
    samplers = SamplerBank(source.config(DDIMScheduler, "scheduler"))
    vae = source.load_vae("vae", vae_config, options)
    transformer = source.load(DiTTransformer2DModel, "transformer", options, torch_dtype=options.dtype)
    classes = _classes(source.index.get("id2label"), int(transformer.config.num_embeds_ada_norm))
    own = read_defaults(source.reference)
    scale = cell_size(vae)
    cells = int(transformer.config.sample_size)
    size = cells * scale
    if size > options.max_size:
        raise ValueError(f"its images of {size} pixels are larger than max_size, {options.max_size}")
    description = ModelDescription(
        id=source.model_id,
        architecture=source.architecture,
        capabilities=frozenset(Capability),
        samplers=samplers.samplers,
        max_steps=samplers.max_steps,
        default_width=size,
        default_height=size,
        max_size=size,
        size_granularity=size,
        default_steps=default_steps(own, options, samplers),
        default_guidance_scale=default_guidance(own, options),
        latent_shape=(int(transformer.config.in_channels), cells, cells),
        parameter_count=count_parameters(vae, transformer),
        dtype=dtype_name(transformer),
        device=str(options.device),
        conditioning=Conditioning.LABEL,
        labels=tuple(classes),
        guidance=Guidance.CLASSIFIER_FREE,
    )
    return DiTModel(
        vae=vae,
        denoiser=transformer,
        classes=classes,
        samplers=samplers,
        description=description,
        device=options.device,
        score_sigma=options.score_sigma,
    )


def _classes(id2label: Mapping[str, str] | None, count: int) -> dict[str, int]:
    """Numbers by label, as the pipeline reads them: a class has one or more, by commas; without, its number."""
    named = id2label or {str(number): str(number) for number in range(count)}
    classes = {
        label.strip(): int(number)
        for number, labels in named.items()
        for label in labels.split(",")
        if label.strip()
    }
    if not all(0 <= number < count for number in classes.values()):
        raise ValueError(f"its id2label numbers a class that is not among its {count}")
    return dict(sorted(classes.items(), key=lambda item: item[1]))
