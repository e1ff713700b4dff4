"""Weights in int8, each row of a matrix with a scale of its own (as in LLM.int8(), Dettmers et al., 2022)."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D  # GPT-2's linear layer, its weight the other way round

_KEPT = ("lm_head", "router", "gate")  # small or touchy: routers choose experts, heads share the embedding


class Int8Linear(nn.Module):
    """A linear layer whose weight takes half the memory of bfloat16; activations stay as they are."""

    weight: Tensor
    scales: Tensor

    def __init__(self, weight: Tensor, bias: nn.Parameter | None) -> None:
        """weight: (outputs, inputs)."""
        super().__init__()
        scales = weight.float().abs().amax(1).clamp(min=1e-30) / 127
        self.register_buffer("weight", (weight.float() / scales[:, None]).round().to(torch.int8).contiguous())
        self.register_buffer("scales", scales.to(weight.dtype))
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) to (…, outputs)."""
        product = (x @ self.weight.to(x.dtype).t()) * self.scales
        return product if self.bias is None else product + self.bias


def quantise(model: Any) -> int:
    """Replace the model's linear layers, in place, and count them; embedding, head and experts stay as they are."""
    count = 0
    for module in list(model.modules()):
        for child_name, child in module.named_children():
            if isinstance(child, nn.Linear | Conv1D) and child_name not in _KEPT:
                weight = child.weight.t() if isinstance(child, Conv1D) else child.weight
                setattr(module, child_name, Int8Linear(weight, child.bias))
                count += 1
    return count
