"""Muon for experts, whose matrices are stored in stacks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

# The quintic of Jordan et al. (2024), https://kellerjordan.github.io/posts/muon, as in torch.optim.Muon.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonalized(stack: torch.Tensor) -> torch.Tensor:
    """Each matrix of (count, rows, columns) with its singular values brought near 1 by Newton-Schulz; bfloat16."""
    a, b, c = COEFFICIENTS
    x: torch.Tensor = stack.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class StackedMuon(torch.optim.Optimizer):
    """torch.optim.Muon, which takes matrices only, for parameters of shape (count, rows, columns)."""

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        lr: float,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every stack with a gradient; `closure` is not called."""
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for stack in group["params"]:
                if stack.grad is None:
                    continue
                state = self.state[stack]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(stack.grad)
                buffer = state["momentum_buffer"].lerp_(stack.grad, 1 - momentum)
                update = orthogonalized(stack.grad.lerp(buffer, momentum))  # Nesterov's
                stack.mul_(1 - rate * group["weight_decay"])
                ratio = math.sqrt(max(1.0, stack.shape[1] / stack.shape[2]))
                stack.add_(update.to(stack.dtype), alpha=-rate * ratio)
