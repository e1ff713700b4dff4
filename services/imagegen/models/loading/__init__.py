"""Loads models, a directory or a hub name, from safetensors only and with no code of the model's own.

Each component's class is named here, so that a model's index can never name code to run. A family's module
describes honestly what its models can do; what they cannot be served with stops the start.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diffusers import DiffusionPipeline

from imagegen.models.base import LatentModel
from imagegen.models.loading.autoencoder import load_autoencoder
from imagegen.models.loading.ddpm import load_ddpm
from imagegen.models.loading.dit import load_dit
from imagegen.models.loading.flux import load_flux
from imagegen.models.loading.gan import load_gan
from imagegen.models.loading.options import LoadOptions
from imagegen.models.loading.source import Source
from imagegen.models.loading.stable_diffusion import load_stable_diffusion
from imagegen.models.loading.stable_diffusion_3 import load_stable_diffusion_3
from imagegen.models.loading.stable_diffusion_xl import load_stable_diffusion_xl

__all__ = ["LoadOptions", "ModelLoadError", "load_model"]

_PIPELINES: dict[str, Callable[[Source, LoadOptions], LatentModel]] = {
    "StableDiffusionPipeline": load_stable_diffusion,
    "StableDiffusionImg2ImgPipeline": load_stable_diffusion,
    "StableDiffusionInpaintPipeline": load_stable_diffusion,
    "StableDiffusionXLPipeline": load_stable_diffusion_xl,
    "StableDiffusionXLImg2ImgPipeline": load_stable_diffusion_xl,
    "StableDiffusionXLInpaintPipeline": load_stable_diffusion_xl,
    "StableDiffusion3Pipeline": load_stable_diffusion_3,
    "StableDiffusion3Img2ImgPipeline": load_stable_diffusion_3,
    "FluxPipeline": load_flux,
    "FluxImg2ImgPipeline": load_flux,
    "DiTPipeline": load_dit,
    "DDPMPipeline": load_ddpm,
    "DDIMPipeline": load_ddpm,
}
_BARE: dict[str, Callable[[Source, LoadOptions], LatentModel]] = {
    "AutoencoderKL": load_autoencoder,
    "StyleGenerator": load_gan,
}


class ModelLoadError(Exception):
    """A model cannot be served; the message is one sentence that names it."""


def load_model(model_id: str, reference: str, options: LoadOptions) -> LatentModel:
    """Load a pipeline, or a directory of a bare autoencoder or generator. Raises ModelLoadError."""
    try:
        return _load(model_id, reference, options)
    except Exception as error:
        # The loaders raise nearly anything on a foreign or damaged directory.
        raise ModelLoadError(f"model {reference!r} cannot be loaded: {error}") from error


def _load(model_id: str, reference: str, options: LoadOptions) -> LatentModel:
    path = Path(reference)
    if path.is_dir() and not (path / "model_index.json").is_file():
        config: dict[str, Any] = json.loads((path / "config.json").read_bytes())
        architecture, loaders = str(config.get("_class_name", config.get("architecture"))), _BARE
    else:
        config = DiffusionPipeline.load_config(reference)
        architecture, loaders = str(config.get("_class_name")), _PIPELINES
    if architecture not in loaders:
        raise ValueError(f"its class {architecture} is not one of {sorted(loaders)}")
    return loaders[architecture](Source(model_id, reference, architecture, config), options)
