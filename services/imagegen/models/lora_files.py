"""Reads LoRA adapters from folders that hold one safetensors file, as diffusers or kohya's scripts write it.

The file's header says all that is checked; numbers are read when nothing is left to refuse but what they are.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, deserialize, safe_open
from serving.lora_files import check_rank, checked_alpha, checked_size, rank_and_scale, read_bounded
from serving.loras import Adapter, LoraLimit, LoraUnfit
from torch import Tensor, nn

from imagegen.models.lora_names import Matrices, matrices_of

# By layer, `part.module`: A (rank, inputs[, height, width]) and scale x B (outputs, rank[, 1, 1]).
Pairs = Mapping[str, tuple[Tensor, Tensor]]
Layers = Mapping[str, nn.Linear | nn.Conv2d]
_Header = dict[str, tuple[str, tuple[int, ...]]]
_HEADER_BYTES = 16 * 1024 * 1024  # names, and what a trainer noted about its data
_METADATA = "lora_adapter_metadata"  # diffusers' key of what PEFT says of an adapter
_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def layers_of(parts: Mapping[str, nn.Module]) -> Layers:
    """The layers that take adapters, by `part.module`."""
    return {
        f"{part}.{name}": module
        for part, whole in parts.items()
        for name, module in whole.named_modules()
        if isinstance(module, nn.Linear)
        or (isinstance(module, nn.Conv2d) and module.groups == 1 and module.padding_mode == "zeros")
    }


def read_adapter(
    name: str,
    folder: Path,
    parts: Mapping[str, nn.Module],
    layers: Layers,
    *,
    max_rank: int,
    max_bytes: int,
) -> Adapter:
    """Read an adapter of a model with these parts and layers; its weights are Pairs, placed as the layers are.

    LoraUnfit, or LoraLimit, for all that can be wrong with a folder; max_bytes is of its numbers in memory.
    """
    path = _file(folder)
    # Numbers in a file are at most twice as wide as in the model.
    most = 2 * max_bytes + _HEADER_BYTES
    header, told = _header(path, most)
    found = matrices_of(header, parts, layers)
    ranks = {layer: _rank(header, matrices, layers[layer]) for layer, matrices in found.items()}
    check_rank(max(ranks.values()), max_rank)
    scales = {layer: _scale(told, layer, rank, max_rank) for layer, rank in ranks.items()}
    size = sum(
        layers[layer].weight.itemsize * (_count(header, matrices.down) + _count(header, matrices.up))
        for layer, matrices in found.items()
    )
    if size > max_bytes:
        raise LoraLimit(f"it takes {size} bytes; {max_bytes} are left for adapters")
    content = read_bounded(path, most)
    tensors = _tensors(content, header)
    pairs = {}
    for layer, matrices in found.items():
        scale = scales[layer]
        if matrices.alpha is not None:
            scale = checked_alpha(tensors[matrices.alpha].item()) / ranks[layer]
        like = layers[layer].weight
        pairs[layer] = (tensors[matrices.down].to(like), (tensors[matrices.up].float() * scale).to(like))
        if not all(bool(each.isfinite().all()) for each in pairs[layer]):
            raise LoraUnfit(f"the matrices of {layer!r} hold numbers that are not finite in {like.dtype}")
    return Adapter(name, max(ranks.values()), size, hashlib.sha256(content).hexdigest(), pairs)


def _file(folder: Path) -> Path:
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise LoraUnfit(f"its folder holds {len(files)} safetensors files, not one")
    return files[0]


def _header(path: Path, most: int) -> tuple[_Header, dict[str, Any]]:
    """Types and shapes by name, and what PEFT says of the adapter, if anything."""
    try:
        checked_size(path, most)
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            header = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
            told = json.loads((file.metadata() or {}).get(_METADATA, "{}"))
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise LoraUnfit(f"{path.name} is damaged: {error}") from error
    if not isinstance(told, dict):
        raise LoraUnfit(f"{path.name} is damaged: its {_METADATA} is no object")
    return header, told


def _rank(header: _Header, matrices: Matrices, layer: nn.Linear | nn.Conv2d) -> int:
    """An adapter's rank in a layer; LoraUnfit unless its matrices have the layer's shapes."""
    for name in (matrices.down, matrices.up, matrices.alpha):
        if name is not None and header[name][0] not in _TYPES:
            raise LoraUnfit(f"{name!r} is of type {header[name][0]}, not one of {', '.join(_TYPES)}")
    if matrices.alpha is not None and _count(header, matrices.alpha) != 1:
        raise LoraUnfit(f"{matrices.alpha!r} is not a single number")
    outputs, *inner = layer.weight.shape
    down, up = header[matrices.down][1], header[matrices.up][1]
    rank = down[0] if down else 0
    if rank < 1 or down != (rank, *inner):
        raise LoraUnfit(f"{matrices.down!r} has shape {list(down)}, not {['rank', *inner]}")
    if up != (outputs, rank, *(1 for _ in inner[1:])):
        raise LoraUnfit(
            f"{matrices.up!r} has shape {list(up)}, not that of {rank} ranks to {outputs} outputs"
        )
    return rank


def _scale(told: Mapping[str, Any], layer: str, rank: int, max_rank: int) -> float:
    """What B is scaled by as PEFT says it of the layer's part; 1 where it says nothing."""
    prefix = layer.partition(".")[0] + "."
    config = {key.removeprefix(prefix): value for key, value in told.items() if key.startswith(prefix)}
    if not config:
        return 1.0
    said, scale = rank_and_scale(config, max_rank)
    if said != rank:
        raise LoraUnfit(f"{layer!r} is of rank {rank}, not of the rank {said} that its file tells")
    return scale


def _count(header: _Header, name: str) -> int:
    return torch.Size(header[name][1]).numel()


def _tensors(content: bytes, header: _Header) -> dict[str, Tensor]:
    """What the content holds, on the CPU; it must still be what its header said."""
    try:
        found = dict(deserialize(content))  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError) as error:
        raise LoraUnfit(f"its file is damaged: {error}") from error
    if {name: (told["dtype"], tuple(told["shape"])) for name, told in found.items()} != header:
        raise LoraUnfit("its file changed while it was read")
    return {
        name: torch.frombuffer(told["data"], dtype=_TYPES[told["dtype"]]).view(told["shape"])
        for name, told in found.items()
    }
