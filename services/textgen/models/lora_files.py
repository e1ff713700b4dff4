"""Reads LoRA adapters from folders as PEFT writes them: adapter_config.json and adapter_model.safetensors."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, deserialize
from serving.lora_files import rank_and_scale, read_bounded
from serving.loras import LoraLimit, LoraUnfit
from torch import Tensor

Pairs = Mapping[str, tuple[Tensor, Tensor]]  # by linear layer: A (rank, inputs) and scale x B (outputs, rank)
_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_CONFIG_BYTES = 1024 * 1024
_NAME = re.compile(r"base_model\.model\.(.{1,512})\.lora_([AB])\.weight")
_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class LoraFiles:
    """An adapter that was read: its rank, its numbers in the model's type, and the digest of its files."""

    rank: int
    size_bytes: int
    sha256: str
    pairs: Pairs


def read_adapter(
    folder: Path, linears: Mapping[str, tuple[int, int]], dtype: torch.dtype, *, max_rank: int, max_bytes: int
) -> LoraFiles:
    """Read an adapter of a model whose linear layers have these (inputs, outputs); max_bytes is of its numbers.

    LoraUnfit, or LoraLimit, for all that can be wrong with a folder; limits come before what they are for is read.
    """
    told = read_bounded(folder / _CONFIG, _CONFIG_BYTES)
    rank, scale, targets = _checked(told, max_rank)
    # Numbers in a file are at most twice as wide as in the model; names take room, too.
    weights = read_bounded(folder / _WEIGHTS, 2 * max_bytes + _CONFIG_BYTES)
    try:
        found = dict(deserialize(weights))  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError) as error:
        raise LoraUnfit(f"{_WEIGHTS} is damaged: {error}") from error
    names = _names(found, targets)
    for name in names:
        if name not in linears:
            raise LoraUnfit(f"the model has no linear layer {name!r} that takes an adapter")
    count = sum(rank * sum(linears[name]) for name in names)
    if (size := count * dtype.itemsize) > max_bytes:
        raise LoraLimit(f"it takes {size} bytes; {max_bytes} are left for adapters")
    pairs = {}
    for name in names:
        inputs, outputs = linears[name]
        down = _tensor(found, f"base_model.model.{name}.lora_A.weight", (rank, inputs))
        up = _tensor(found, f"base_model.model.{name}.lora_B.weight", (outputs, rank))
        pairs[name] = (down.to(dtype), (up.float() * scale).to(dtype))
        if not all(bool(each.isfinite().all()) for each in pairs[name]):
            raise LoraUnfit(f"the matrices of {name!r} hold numbers that are not finite in {dtype}")
    digest = hashlib.sha256(hashlib.sha256(told).digest() + hashlib.sha256(weights).digest())
    return LoraFiles(rank, size, digest.hexdigest(), pairs)


def _checked(told: bytes, max_rank: int) -> tuple[int, float, Any]:
    """Rank, scale, and what target_modules says."""
    try:
        config = json.loads(told)
    except (ValueError, RecursionError) as error:
        raise LoraUnfit(f"{_CONFIG} is no JSON") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise LoraUnfit(f"{_CONFIG} is not that of a LoRA adapter")
    return *rank_and_scale(config, max_rank), config.get("target_modules")


def _names(found: Mapping[str, Any], targets: Any) -> list[str]:
    """The layers that have both matrices; each that target_modules lists must be among them."""
    sides: dict[str, set[str]] = {}
    for key in found:
        if (match := _NAME.fullmatch(key)) is None:
            raise LoraUnfit(f"it holds {key[:200]!r}, which is no LoRA matrix of a linear layer")
        sides.setdefault(match[1], set()).add(match[2])
    for name, side in sides.items():
        if len(side) < 2:
            raise LoraUnfit(f"{name!r} has one of its two matrices only")
    if not sides:
        raise LoraUnfit("it holds no matrices")
    for target in targets if isinstance(targets, list) else ():
        if not any(f".{name}".endswith(f".{target}") for name in sides):
            raise LoraUnfit(f"it has no matrices of {str(target)[:200]!r}, a layer that it names")
    return sorted(sides)


def _tensor(found: Mapping[str, Any], key: str, shape: tuple[int, int]) -> Tensor:
    told = found[key]
    if told["dtype"] not in _TYPES:
        raise LoraUnfit(f"{key!r} is of type {told['dtype']}, not one of {', '.join(_TYPES)}")
    if tuple(told["shape"]) != shape:
        raise LoraUnfit(f"{key!r} has shape {told['shape']}, not {list(shape)}")
    return torch.frombuffer(told["data"], dtype=_TYPES[told["dtype"]]).view(shape)
