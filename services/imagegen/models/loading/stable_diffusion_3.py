"""StableDiffusion3Pipeline: a transformer, an autoencoder, two CLIP text encoders and, where there is one, a T5."""

from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, T5EncoderModel, T5TokenizerFast

from imagegen.domain import Capability, Conditioning, Guidance, ModelDescription
from imagegen.flow_matching import FlowSamplerBank
from imagegen.models.loading.options import LoadOptions, read_defaults
from imagegen.models.loading.source import (
    MAX_SIZE_FACTOR,
    Source,
    check_channels,
    check_square,
    default_guidance,
    default_steps,
    dtype_name,
)
from imagegen.models.stable_diffusion_3 import StableDiffusion3Model, TextTower
from imagegen.models.vae import cell_size, count_parameters

# The pipeline's own default of max_sequence_length.
_T5_TOKENS = 256
_SCHEDULER = "FlowMatchEulerDiscreteScheduler"


def load_stable_diffusion_3(source: Source, options: LoadOptions) -> StableDiffusion3Model:
    """The pipeline's parts. Raises ValueError for a scheduler that is not of flow matching."""
    vae_config = source.config(AutoencoderKL, "vae")
    transformer_config = source.config(SD3Transformer2DModel, "transformer")
    check_channels("transformer", transformer_config, vae_config)
    check_square("transformer", transformer_config)
    scheduler_config = source.config(FlowMatchEulerDiscreteScheduler, "scheduler")
    if scheduler_config.get("_class_name") != _SCHEDULER:
        raise ValueError(f"its scheduler {scheduler_config.get('_class_name')} is not {_SCHEDULER}")
    samplers = FlowSamplerBank(scheduler_config)
    vae = source.load_vae("vae", vae_config, options)
    transformer = source.load(SD3Transformer2DModel, "transformer", options, torch_dtype=options.dtype)
    clips = (_clip(source, "", options), _clip(source, "_2", options))
    t5 = _t5(source, options)
    own = read_defaults(source.reference)
    scale = cell_size(vae)
    patch = scale * int(transformer.config.patch_size)
    positions = int(transformer.config.pos_embed_max_size) * patch
    trained = int(transformer.config.sample_size) * scale
    max_size = min(options.max_size, trained * MAX_SIZE_FACTOR, positions) // patch * patch
    size = min(trained // patch * patch, max_size)
    towers = clips if t5 is None else (*clips, t5)
    description = ModelDescription(
        id=source.model_id,
        architecture=source.architecture,
        capabilities=frozenset(Capability),
        samplers=samplers.samplers,
        max_steps=samplers.max_steps,
        default_width=size,
        default_height=size,
        max_size=max_size,
        size_granularity=patch,
        default_steps=default_steps(own, options, samplers),
        default_guidance_scale=default_guidance(own, options),
        latent_shape=(int(transformer.config.in_channels), size // scale, size // scale),
        parameter_count=count_parameters(vae, transformer, *(tower.encoder for tower in towers)),
        dtype=dtype_name(transformer),
        device=str(options.device),
        conditioning=Conditioning.TEXT,
        guidance=Guidance.CLASSIFIER_FREE,
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


def _clip(source: Source, suffix: str, options: LoadOptions) -> TextTower:
    return TextTower(
        source.load_tokenizer(CLIPTokenizer, f"tokenizer{suffix}"),
        source.load(CLIPTextModelWithProjection, f"text_encoder{suffix}", options, dtype=options.dtype),
    )


def _t5(source: Source, options: LoadOptions) -> TextTower | None:
    """The third encoder; the index says whether there is one, but not of which class."""
    if (source.index.get("text_encoder_3") or [None])[0] is None:
        return None
    return TextTower(
        source.load_tokenizer(T5TokenizerFast, "tokenizer_3"),
        source.load(T5EncoderModel, "text_encoder_3", options, dtype=options.dtype),
    )
