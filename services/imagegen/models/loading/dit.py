"""DiTPipeline: a class-conditional transformer and an autoencoder."""

from collections.abc import Mapping

from diffusers import AutoencoderKL, DiTTransformer2DModel

from imagegen.domain import Conditioning
from imagegen.models.dit import DiTModel
from imagegen.models.loading.discrete import load_samplers
from imagegen.models.loading.latent_diffusion import Sizes, check_denoiser, describe
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import Source, check_fits
from imagegen.models.vae import cell_size


def load_dit(source: Source, options: LoadOptions) -> DiTModel:
    """The pipeline's parts; images have the one size that the transformer was trained at."""
    vae_config = source.config(AutoencoderKL, "vae")
    transformer_config = source.config(DiTTransformer2DModel, "transformer")
    check_denoiser("transformer", transformer_config, vae_config)
    scale = cell_size(vae_config)
    size = int(transformer_config["sample_size"]) * scale
    check_fits(size, options)
    samplers = load_samplers(source)
    vae = source.load_vae("vae", vae_config, options)
    transformer = source.load(DiTTransformer2DModel, "transformer", options, torch_dtype=options.dtype)
    classes = _classes(source.index.get("id2label"), int(transformer.config.num_embeds_ada_norm))
    description = describe(
        source,
        options,
        read_defaults(source.reference),
        denoiser=transformer,
        vae=vae,
        samplers=samplers,
        sizes=Sizes(size, size, size, scale),
        conditioning=Conditioning.LABEL,
        labels=tuple(classes),
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
