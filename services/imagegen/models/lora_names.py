"""Which tensors of a LoRA file are the matrices of which layers. Formats are diffusers' converters' matter.

They rename without looking at the tensors, so that they are given the file's own names in place of these.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from diffusers.loaders import StableDiffusionXLLoraLoaderMixin
from diffusers.utils import convert_state_dict_to_peft, convert_unet_state_dict_to_peft
from diffusers.utils.state_dict_utils import StateDictType
from serving.loras import LoraUnfit
from torch import nn

_KOHYA = re.compile(r"(lora_(?:unet|te|te1|te2)_\w{1,512})\.(lora_down\.weight|lora_up\.weight|alpha)")
_MATRIX = re.compile(r"(.{1,512})\.lora_([AB])\.weight")


@dataclass(frozen=True, slots=True)
class Matrices:
    """Names in a file: of A, of B, and of the number that scales them, which not every format has."""

    down: str
    up: str
    alpha: str | None = None


def matrices_of(
    names: Collection[str], parts: Mapping[str, nn.Module], layers: Collection[str]
) -> Mapping[str, Matrices]:
    """Matrices by layer, `part.module`. LoraUnfit for what is no matrix of a layer that takes an adapter."""
    of_kohya = any(name.startswith("lora_") for name in names)
    renamed = _diffusers_names(names, parts) if of_kohya else {name: name for name in names}
    sides: dict[str, dict[str, str]] = {}
    for part in dict.fromkeys(name.partition(".")[0] for name in renamed):
        own = {
            name.removeprefix(f"{part}."): told
            for name, told in renamed.items()
            if name.startswith(f"{part}.")
        }
        for name, told in _peft_names(part, own).items():
            if (match := _MATRIX.fullmatch(name)) is None:
                raise LoraUnfit(f"it holds {told[:200]!r}, which is no LoRA matrix")
            layer = next(
                (each for each in _spellings(part, match[1]) if each in layers), f"{part}.{match[1]}"
            )
            if layer not in layers:
                raise LoraUnfit(f"the model has no layer {layer[:200]!r} that takes an adapter")
            sides.setdefault(layer, {})[match[2]] = told
    if not sides:
        raise LoraUnfit("it holds no matrices")
    for layer, side in sides.items():
        if len(side) < 2:
            raise LoraUnfit(f"{layer!r} has one of its two matrices only")
    found = {layer: Matrices(side["A"], side["B"], _alpha(side["A"], names)) for layer, side in sides.items()}
    used = {name for item in found.values() for name in (item.down, item.up, item.alpha)}
    if unused := sorted(set(names) - used):
        raise LoraUnfit(f"it holds {unused[0][:200]!r}, which belongs to none of its matrices")
    return found


def _diffusers_names(names: Collection[str], parts: Mapping[str, nn.Module]) -> dict[str, str]:
    """The file's names by those that diffusers would give its matrices."""
    for name in names:
        if _KOHYA.fullmatch(name) is None:
            raise LoraUnfit(f"it holds {name[:200]!r}, which is no LoRA matrix")
    if "unet" not in parts:
        raise LoraUnfit("its names are those of a U-Net, which the model has not")
    unet: Any = parts["unet"]
    told = {name: name for name in names if not name.endswith(".alpha")}
    try:
        renamed, _ = StableDiffusionXLLoraLoaderMixin.lora_state_dict(told, unet_config=unet.config)
    except Exception as error:  # the converter raises nearly anything on names that it does not know
        raise LoraUnfit("its names are not those of a U-Net and its text encoders") from error
    return dict(renamed)


def _peft_names(part: str, names: dict[str, str]) -> dict[str, str]:
    """The file's names by those that PEFT would give the matrices within a part."""
    if not part.startswith("text_encoder"):
        return dict(convert_unet_state_dict_to_peft(names))
    for form in (StateDictType.DIFFUSERS_OLD, StateDictType.DIFFUSERS):
        names = convert_state_dict_to_peft(names, form)
    return names


def _spellings(part: str, module: str) -> tuple[str, ...]:
    """A text encoder's layers lay below a `text_model` once, and some do still."""
    return (f"{part}.{module}", f"{part}.{module.removeprefix('text_model.')}", f"{part}.text_model.{module}")


def _alpha(down: str, names: Collection[str]) -> str | None:
    match = _KOHYA.fullmatch(down)
    name = f"{match[1]}.alpha" if match else ""
    return name if name in names else None
