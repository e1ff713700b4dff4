"""Where a model's components come from, and what loaders of all families do with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from imagegen.models.loading.options import GenerationDefaults, LoadOptions
from imagegen.models.loading.weights import find_variant
from imagegen.schedules import Samplers

# Attention memory grows with the fourth power of the side, and models draw badly far beyond their own size.
MAX_SIZE_FACTOR = 2

# What the index of an older pipeline calls a class.
_FORMER_NAMES = {"DiTTransformer2DModel": "Transformer2DModel"}


@dataclass(frozen=True, slots=True)
class Source:
    """A model's id, its directory or hub name, the class that it says it is, and its index or config."""

    model_id: str
    reference: str
    architecture: str
    index: Mapping[str, Any]

    def config(self, component: Any, subfolder: str) -> dict[str, Any]:
        """A component's config, read by its class."""
        config: dict[str, Any] = component.load_config(self.reference, subfolder=subfolder)
        return config

    def load(self, component: Any, subfolder: str | None, options: LoadOptions, **arguments: Any) -> Any:
        """A component of the class given, from safetensors, placed and frozen.

        In a directory that has weights of one variant alone ("fp16") those are taken. Raises ValueError where there are
        none, or several and none without a variant, where some are missing, and where the index names another class.
        """
        if subfolder is not None:
            self._check_class(component, subfolder)
        where = {} if subfolder is None else {"subfolder": subfolder}
        # A directory is enough; without this the loaders ask the hub about it all the same.
        local = Path(self.reference).is_dir()
        if local and (variant := find_variant(Path(self.reference) / (subfolder or ""))):
            where["variant"] = variant
        module, info = component.from_pretrained(
            self.reference,
            use_safetensors=True,
            local_files_only=local,
            output_loading_info=True,
            **where,
            **arguments,
        )
        if missing := sorted(info["missing_keys"]):
            # The loaders would draw them at random.
            raise ValueError(
                f"its {subfolder or 'weights'} has no {missing[0]}, and lacks {len(missing)} in all"
            )
        return place(module, options.device)

    def load_vae(self, subfolder: str | None, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """An autoencoder of the asked number type, but float32 where it overflows in half precision."""
        for option in ("latents_mean", "latents_std"):
            if config.get(option) is not None:
                raise ValueError(f"its autoencoder's {option} is not supported")
        dtype = torch.float32 if config.get("force_upcast", True) else options.dtype
        return self.load(AutoencoderKL, subfolder, options, torch_dtype=dtype)

    def load_tokenizer(self, tokenizer: Any, subfolder: str) -> Any:
        """A tokenizer of the class given."""
        local = Path(self.reference).is_dir()
        return tokenizer.from_pretrained(self.reference, subfolder=subfolder, local_files_only=local)

    def _check_class(self, component: Any, subfolder: str) -> None:
        """Weights of another class may load, but not make sense."""
        wanted = component.__name__
        _, found = self.index.get(subfolder) or (None, None)
        if found not in (wanted, _FORMER_NAMES.get(wanted, wanted)):
            raise ValueError(f"its {subfolder} is {found or 'absent'}, not {wanted}")


def place(module: Any, device: torch.device) -> Any:
    """The module on its device, for inference only."""
    return module.to(device).eval().requires_grad_(False)


def dtype_name(module: torch.nn.Module) -> str:
    """Number type of a module's weights."""
    return str(next(module.parameters()).dtype).removeprefix("torch.")


def default_steps(own: GenerationDefaults, options: LoadOptions, samplers: Samplers) -> int:
    """The model's own, else the options' number of steps, within what every sampler can take."""
    return min(own.num_inference_steps or options.default_steps, *samplers.max_steps.values())


def check_fits(size: int, options: LoadOptions) -> None:
    """Refuse a model whose only image size, in pixels, is larger than the options allow."""
    if size > options.max_size:
        raise ValueError(f"its images of {size} pixels are larger than max_size, {options.max_size}")


def check_square(what: str, denoiser: Mapping[str, Any]) -> None:
    """Refuse, by its config, a denoiser that names no single side."""
    if not isinstance(denoiser.get("sample_size"), int):
        raise ValueError(f"its {what} names no square sample_size")
