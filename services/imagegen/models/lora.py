"""LoRA adapters in a model's parts: hooks on linear and convolutional layers add what the adapters of a pass say.

All rows of a pass have the same adapters. Weights are never merged: a layer without adapters gives what it always
gave, to the bit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path

import torch
from serving.errors import Overloaded
from serving.loras import Adapter, LoraOptions, Reader
from torch import Tensor, nn
from torch.nn import functional

from imagegen.domain import HeldLora
from imagegen.models.base import DiffusionModel
from imagegen.models.lora_files import layers_of, read_adapter

# Of the pass at hand. A context variable, so that each thread has its own.
_HELD: ContextVar[Sequence[HeldLora]] = ContextVar("loras", default=())


def lora_reader(model: DiffusionModel, options: LoraOptions) -> Reader:
    """Have a model's layers look for adapters, and return what reads these. Once, before the model computes."""
    parts = model.lora_parts
    layers = layers_of(parts)
    for layer, module in layers.items():
        module.register_forward_hook(partial(_add, layer))

    def read(name: str, folder: Path, max_bytes: int) -> Adapter:
        try:
            return read_adapter(name, folder, parts, layers, max_rank=options.max_rank, max_bytes=max_bytes)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise Overloaded("the device is out of memory for this adapter", retry_after_s=1.0) from error

    return read


@contextmanager
def adapted(loras: Sequence[HeldLora]) -> Iterator[None]:
    """Around what is computed under these adapters."""
    token = _HELD.set(loras)
    try:
        yield
    finally:
        _HELD.reset(token)


def current_loras() -> Sequence[HeldLora]:
    """The adapters under which something is computed now."""
    return _HELD.get()


def _add(layer: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """The output with scale x (x Aᵀ) Bᵀ of each adapter that changes this layer."""
    for lora in _HELD.get():
        if (pair := lora.adapter.weights.get(layer)) is not None:
            down, up = pair
            if isinstance(module, nn.Conv2d):
                inner = functional.conv2d(
                    inputs[0], down, None, module.stride, module.padding, module.dilation
                )
                delta = functional.conv2d(inner, up)
            else:
                delta = functional.linear(functional.linear(inputs[0], down), up)
            output = output + lora.scale * delta
    return output
