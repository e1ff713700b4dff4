"""What readers of LoRA adapters have in common: files within bounds, and what PEFT says of an adapter.

An adapter adds scale x (x Aᵀ) Bᵀ to the outputs of layers (Hu et al., 2021, arXiv:2106.09685). What else PEFT can put
into an adapter changes a model in other ways; it is refused by name, never left out.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.loras import LoraLimit, LoraUnfit

# Options that say what is served, or nothing of what an adapter computes; any other must be off.
_KNOWN = {
    "peft_type",
    "r",
    "lora_alpha",
    "use_rslora",
    "target_modules",
    "bias",
    "init_lora_weights",
    "eva_config",
    "layers_to_transform",
    "layers_pattern",
    "exclude_modules",
    "fan_in_fan_out",
    "lora_dropout",
    "task_type",
    "inference_mode",
    "base_model_name_or_path",
    "revision",
    "auto_mapping",
    "peft_version",
    "megatron_core",
    "qalora_group_size",
}
# Beginnings that leave the model's own weights as they are.
_BEGINNINGS = (True, False, None, "gaussian", "orthogonal", "eva")


def checked_size(path: Path, most: int) -> int:
    """A file's bytes. LoraUnfit when there is none, LoraLimit when it has more than `most`."""
    if not path.is_file():
        raise LoraUnfit(f"there is no {path.name}")
    if (size := path.stat().st_size) > most:
        raise LoraLimit(f"{path.name} is over {most} bytes, more than an adapter may have here")
    return size


def read_bounded(path: Path, most: int) -> bytes:
    """A file's content. LoraUnfit when it cannot be read, LoraLimit when it has more than `most` bytes."""
    try:
        size = checked_size(path, most)
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise LoraUnfit(f"{path.name} cannot be read: {error.strerror}") from error


def rank_and_scale(config: Mapping[str, Any], max_rank: int) -> tuple[int, float]:
    """Rank, and what B is scaled by. LoraUnfit for options that are not served, LoraLimit for a rank too large."""
    for option, value in config.items():
        if value and option not in _KNOWN:
            raise LoraUnfit(f"it has {option[:100]}, which is not served")
    if config.get("bias", "none") != "none":
        raise LoraUnfit("it has biases, which are not served")
    if (begun := config.get("init_lora_weights", True)) not in _BEGINNINGS:
        raise LoraUnfit(f"it began as {str(begun)[:40]!r}, beside which the model's own weights are others")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise LoraUnfit("its rank r must be a positive number")
    check_rank(rank, max_rank)
    # Rank-stabilised: Kalajdzievski, 2023, arXiv:2312.03732.
    return rank, checked_alpha(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def check_rank(rank: int, max_rank: int) -> None:
    """LoraLimit for a rank that is too large."""
    if rank > max_rank:
        raise LoraLimit(f"its rank is over {max_rank}")


def checked_alpha(alpha: Any) -> float:
    """What scales an adapter of rank 1; LoraUnfit unless it is a number of ordinary size."""
    # NaN is not at most anything.
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not abs(alpha) <= 1e6:
        raise LoraUnfit("its lora_alpha must be a number of ordinary size")
    return float(alpha)
