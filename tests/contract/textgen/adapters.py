"""Random adapters, and models with their weights merged in."""

import copy

import torch
from serving.loras import Adapter
from textgen.models.lora import linears_of
from transformers.pytorch_utils import Conv1D


def matrices(model, seed, *, rank=4, targets=None, scale=1.0):
    """A (rank, inputs) and scale x B (outputs, rank) for the model's linear layers, or those whose names end so."""
    torch.manual_seed(seed)
    return {
        name: (torch.randn(rank, inputs) / inputs**0.5, scale * torch.randn(outputs, rank) / rank**0.5)
        for name, (inputs, outputs) in linears_of(model).items()
        if targets is None or name.endswith(targets)
    }


def merged(model, pairs):
    """A copy of the model with W + B A in place of W."""
    made = copy.deepcopy(model)
    with torch.no_grad():
        for name, (down, up) in pairs.items():
            module = made.get_submodule(name)
            delta = up @ down
            module.weight += delta.t() if isinstance(module, Conv1D) else delta
    return made


def adapter(network, name, pairs):
    """As the network has it; what it is called is its digest, too."""
    return Adapter(name, 4, 0, name.encode().hex(), network.adapted(pairs))
