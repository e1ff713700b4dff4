"""Loads models, a directory or a hub name, from safetensors only and with no code of the model's own.

Each component's class is named here, so that a model's index can never name code to run.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiffusionPipeline, UNet2DConditionModel
from pydantic import BaseModel, Field
from transformers import CLIPTextModel, CLIPTokenizer

from imagegen.domain import Capability, ModelDescription
from imagegen.models.base import LatentModel
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import VAE_CAPABILITIES, VaeModel, cell_size, count_parameters
from imagegen.samplers import SamplerBank
from imagegen.validation import MAX_GUIDANCE_SCALE

_PIPELINES = {"StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"}
# Attention memory grows with the fourth power of the side, and models draw badly far beyond their own size.
_MAX_SIZE_FACTOR = 2
_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load; sizes in pixels, `score_sigma` on the [-1, 1] pixel scale."""

    dtype: torch.dtype = torch.float32
    device: torch.device = _CPU
    max_size: int = 1024
    default_steps: int = 20
    default_guidance_scale: float = 7.5
    score_sigma: float = 0.1


class GenerationDefaults(BaseModel):
    """What a model's directory, but no hub name, may say in `generation_config.json`; it goes before the options'."""

    guidance_scale: Annotated[float, Field(ge=0, le=MAX_GUIDANCE_SCALE)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1)] | None = None


class ModelLoadError(Exception):
    """A model cannot be served; the message is one sentence that names it."""


def load_model(model_id: str, reference: str, options: LoadOptions) -> LatentModel:
    """Load a StableDiffusionPipeline or a bare AutoencoderKL. Raises ModelLoadError."""
    try:
        return _load(model_id, reference, options)
    except Exception as error:
        # The loaders raise nearly anything on a foreign or damaged directory.
        raise ModelLoadError(f"model {reference!r} cannot be loaded: {error}") from error


def _load(model_id: str, reference: str, options: LoadOptions) -> LatentModel:
    path = Path(reference)
    is_vae = path.is_dir() and not (path / "model_index.json").is_file()
    if is_vae:
        return _load_vae(model_id, reference, options)
    index: dict[str, Any] = DiffusionPipeline.load_config(reference)
    architecture = str(index.get("_class_name"))
    if architecture not in _PIPELINES:
        raise ValueError(f"its pipeline class {architecture} is not one of {sorted(_PIPELINES)}")
    return _load_pipeline(model_id, reference, options, architecture)


def _load_vae(model_id: str, reference: str, options: LoadOptions) -> VaeModel:
    config: dict[str, Any] = AutoencoderKL.load_config(reference)
    if config.get("_class_name") != "AutoencoderKL":
        raise ValueError(f"its class {config.get('_class_name')} is not AutoencoderKL")
    vae: Any = AutoencoderKL.from_pretrained(
        reference, torch_dtype=_vae_dtype(config, options), use_safetensors=True, local_files_only=True
    )
    vae = _place(vae, options.device)
    scale = cell_size(vae)
    size = min(int(vae.config.sample_size), options.max_size) // scale * scale
    description = ModelDescription(
        id=model_id,
        architecture="AutoencoderKL",
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
        dtype=_dtype_name(vae),
        device=str(options.device),
    )
    return VaeModel(vae, description, options.device, options.score_sigma)


def _load_pipeline(model_id: str, reference: str, options: LoadOptions, architecture: str) -> LatentModel:
    # A directory is enough; without this the loaders ask the hub about it all the same.
    local = Path(reference).is_dir()
    vae_config: dict[str, Any] = AutoencoderKL.load_config(reference, subfolder="vae")
    _check_fit(UNet2DConditionModel.load_config(reference, subfolder="unet"), vae_config)
    vae: Any = AutoencoderKL.from_pretrained(
        reference,
        subfolder="vae",
        torch_dtype=_vae_dtype(vae_config, options),
        use_safetensors=True,
        local_files_only=local,
    )
    unet: Any = UNet2DConditionModel.from_pretrained(
        reference, subfolder="unet", torch_dtype=options.dtype, use_safetensors=True, local_files_only=local
    )
    text_encoder: Any = CLIPTextModel.from_pretrained(
        reference, subfolder="text_encoder", dtype=options.dtype, use_safetensors=True, local_files_only=local
    )
    tokenizer: Any = CLIPTokenizer.from_pretrained(reference, subfolder="tokenizer", local_files_only=local)
    samplers = SamplerBank(DDIMScheduler.load_config(reference, subfolder="scheduler"))
    own = _own_defaults(Path(reference))
    for module in (vae, unet, text_encoder):
        _place(module, options.device)
    scale = cell_size(vae)
    cells = int(unet.config.sample_size)
    max_size = min(options.max_size, cells * scale * _MAX_SIZE_FACTOR) // scale * scale
    size = min(cells * scale, max_size)
    description = ModelDescription(
        id=model_id,
        architecture=architecture,
        capabilities=frozenset(Capability),
        samplers=samplers.samplers,
        max_steps=samplers.max_steps,
        default_width=size,
        default_height=size,
        max_size=max_size,
        size_granularity=scale,
        default_steps=min(own.num_inference_steps or options.default_steps, *samplers.max_steps.values()),
        default_guidance_scale=(
            options.default_guidance_scale if own.guidance_scale is None else own.guidance_scale
        ),
        latent_shape=(int(unet.config.in_channels), size // scale, size // scale),
        parameter_count=count_parameters(vae, unet, text_encoder),
        dtype=_dtype_name(unet),
        device=str(options.device),
    )
    return StableDiffusionModel(
        vae=vae,
        unet=unet,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        samplers=samplers,
        description=description,
        device=options.device,
        score_sigma=options.score_sigma,
    )


def _own_defaults(folder: Path) -> GenerationDefaults:
    path = folder / "generation_config.json"
    return GenerationDefaults.model_validate_json(path.read_bytes() if path.is_file() else b"{}")


def _check_fit(unet: dict[str, Any], vae: dict[str, Any]) -> None:
    """Refuse, by their configs, U-Nets that need inputs which a plain StableDiffusionPipeline does not give."""
    if unet.get("in_channels") != vae.get("latent_channels"):
        raise ValueError(
            f"its U-Net takes {unet.get('in_channels')} channels, "
            f"its latents have {vae.get('latent_channels')}"
        )
    for option in ("addition_embed_type", "class_embed_type", "time_cond_proj_dim"):
        if unet.get(option) is not None:
            raise ValueError(f"its U-Net needs a condition ({option}) that is not supported")
    if not isinstance(unet.get("sample_size"), int):
        raise ValueError("its U-Net names no square sample_size")


def _place(module: Any, device: torch.device) -> Any:
    return module.to(device).eval().requires_grad_(False)


def _vae_dtype(config: dict[str, Any], options: LoadOptions) -> torch.dtype:
    """The asked number type, but float32 for an autoencoder that overflows in half precision."""
    return torch.float32 if config.get("force_upcast", True) else options.dtype


def _dtype_name(module: Any) -> str:
    return str(next(module.parameters()).dtype).removeprefix("torch.")
