"""Resumable training: weights, averaged weights and optimizer moments in one safetensors file."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

WARMUP = 50  # steps


class Checkpoint:
    """What a training loop needs to go on: modules by name and the optimizers that move them.

    The step is kept in the file's metadata, so one rename makes the whole state current at once.
    """

    def __init__(self, path: Path, modules: dict[str, nn.Module], *optimizers: torch.optim.Optimizer) -> None:
        self._path = path
        self._modules = modules
        self._optimizers = optimizers

    def save(self, step: int) -> None:
        """Write the state after `step` steps."""
        tensors = {
            f"{name}/{key}": tensor.detach().clone().contiguous()
            for name, module in self._modules.items()
            for key, tensor in module.state_dict().items()
        }
        for number, optimizer in enumerate(self._optimizers):
            for index, moments in optimizer.state_dict()["state"].items():
                tensors |= {
                    f"optimizer/{number}/{index}/{key}": value.clone().contiguous()
                    for key, value in moments.items()
                }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        save_file(tensors, partial, metadata={"state": json.dumps({"step": step})})
        partial.replace(self._path)

    def load(self) -> int:
        """Restore the state and return its step; 0 where there is none."""
        if not self._path.exists():
            return 0
        with safe_open(self._path, framework="pt") as file:
            step = int(json.loads(file.metadata()["state"])["step"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        for name, module in self._modules.items():
            prefix = f"{name}/"
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
        for number, optimizer in enumerate(self._optimizers):
            state: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in tensors.items():
                if key.startswith(f"optimizer/{number}/"):
                    _, _, index, moment = key.split("/")
                    state.setdefault(int(index), {})[moment] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state, "param_groups": groups})
        return step


@torch.no_grad()
def average(target: nn.Module, source: nn.Module, decay: float) -> None:
    """Move the averaged weights `target` towards `source` (exponential moving average)."""
    for kept, new in zip(target.parameters(), source.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)


def learning_rate(
    step: int, steps: int, peak: float, warmup: int = WARMUP, cooldown: float | None = None
) -> float:
    """Linear warm-up, then cosine decay to a twentieth of the peak.

    With `cooldown`, a part of `steps`, the rate is constant before that last part and falls in it as a line to
    nothing (Hägele et al., 2024, arXiv:2405.18392), so that what is seen before does not depend on `steps`.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if cooldown is not None:
        return peak * min(1.0, (steps - step) / max(1.0, cooldown * steps))
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return peak * (0.05 + 0.95 * 0.5 * (1 + float(torch.cos(torch.tensor(progress * torch.pi)))))
