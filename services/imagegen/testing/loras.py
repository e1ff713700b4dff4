"""Files of LoRA adapters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import convert_state_dict_to_diffusers
from safetensors.torch import save_file

from imagegen.models.lora_files import layers_of

_KOHYA_PARTS = {"unet": "unet", "text_encoder": "te1", "text_encoder_2": "te2"}


def save_tiny_lora(
    folder: Path, parts: Mapping[str, Any], *, seed: int = 0, rank: int = 2, kohya: bool = False
) -> Path:
    """Write a folder with an adapter of all layers of a model's parts; kohya's names say an alpha of 2 x rank, too."""
    torch.manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for name, layer in layers_of(parts).items():
        outputs, *inner = layer.weight.shape
        down = torch.randn(rank, *inner) * layer.weight[0].numel() ** -0.5
        up = 0.1 * torch.randn(outputs, rank, *(1 for _ in inner[1:]))
        part, _, module = name.partition(".")
        if kohya and module.startswith("add_embedding"):
            continue  # it has no name there, where all others have diffusers' own
        if kohya:
            stem = f"lora_{_KOHYA_PARTS[part]}_{_kohya_module(part, module).replace('.', '_')}"
            tensors |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
            tensors[f"{stem}.alpha"] = torch.tensor(2.0 * rank)
        else:
            tensors |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
    if not kohya:
        encoders = {name: tensor for name, tensor in tensors.items() if name.startswith("text_encoder")}
        tensors = {name: tensor for name, tensor in tensors.items() if name not in encoders}
        tensors |= convert_state_dict_to_diffusers(encoders) if encoders else {}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "pytorch_lora_weights.safetensors")
    return folder


def _kohya_module(part: str, module: str) -> str:
    """Its scripts know text encoders of whose layers all lie below a text_model."""
    is_flat = part != "unet" and not module.startswith(("text_model.", "text_projection"))
    return f"text_model.{module}" if is_flat else module
