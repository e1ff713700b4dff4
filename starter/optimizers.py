"""The optimizers of every recipe: Muon for the matrices inside layers, Adam for all else."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from .muon import StackedMuon

MATRIX_DECAY = 0.05


class Optimizers:
    """Muon (Jordan et al., 2024) for the parameters that `inner` says are a layer's matrices, Adam for all others.

    Muon takes matrices, and stacks of them. At these sizes a step of it is a fifth slower than one of Adam and
    worth nearly two.
    """

    def __init__(
        self,
        module: nn.Module,
        inner: Callable[[str, nn.Parameter], bool],
        *,
        matrix_rate: float,
        peak_rate: float,
        decay: float = 0.0,
    ) -> None:
        matrices: list[nn.Parameter] = []
        stacks: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in module.named_parameters():
            if not inner(name, parameter):
                others.append(parameter)
            else:
                (stacks if parameter.ndim == 3 else matrices).append(parameter)
        self.all: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(others, lr=peak_rate, betas=(0.9, 0.98), weight_decay=decay, fused=True)
        ]
        if matrices:
            self.all.append(torch.optim.Muon(matrices, lr=matrix_rate, weight_decay=MATRIX_DECAY))
        if stacks:
            self.all.append(StackedMuon(stacks, lr=matrix_rate, weight_decay=MATRIX_DECAY))
        self._peaks = [optimizer.param_groups[0]["lr"] for optimizer in self.all]

    def step(self, part: float) -> None:
        """Move everything at `part` of its peak rate."""
        for optimizer, peak in zip(self.all, self._peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * part
            optimizer.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for optimizer in self.all:
            optimizer.zero_grad()
