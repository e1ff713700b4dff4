"""LoRA adapters in a model of transformers': each row of a pass has its own adapter, or none.

Tokens lie behind each other in a pass, so an adapter's rows are numbers of tokens. Hooks on the linear layers add to
these rows alone; what a layer gives for the others is left as it was, to the bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import torch
from serving.loras import Adapter
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from textgen.models.int8 import Int8Linear
from textgen.models.lora_files import Pairs
from textgen.scheduler import Span

# Of the pass at hand: rows (n,) and the adapter's matrices. A thread that was left behind in a pass has its own.
_GROUPS: ContextVar[Sequence[tuple[Tensor, Pairs]]] = ContextVar("lora", default=())


def linears_of(model: Any) -> Mapping[str, tuple[int, int]]:
    """(inputs, outputs) of the linear layers that see every token of a pass, by name.

    The head sees only those after which something is chosen, and an expert only those that its router sends.
    """
    head = model.get_output_embeddings()
    return {
        name: _sizes(module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Int8Linear | Conv1D)
        and module is not head
        and ".experts." not in name
    }


def install(model: Any) -> Mapping[str, tuple[int, int]]:
    """Have the model's layers look for adapters, and name them as `linears_of` does. Once, before it computes."""
    linears = linears_of(model)
    for name in linears:
        model.get_submodule(name).register_forward_hook(partial(_add, name))
    return linears


@contextmanager
def adapters_of(spans: Sequence[Span], device: torch.device) -> Iterator[None]:
    """Around a pass over the spans' tokens."""
    rows: dict[Adapter, list[int]] = {}
    end = 0
    for span in spans:
        first, end = end, end + len(span.tokens)
        if span.adapter is not None:
            rows.setdefault(span.adapter, []).extend(range(first, end))
    token = _GROUPS.set(
        [(torch.tensor(places, device=device), adapter.weights) for adapter, places in rows.items()]
    )
    try:
        yield
    finally:
        _GROUPS.reset(token)


def _add(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    """Add x Aᵀ Bᵀ to the rows of those adapters that change this layer."""
    for rows, pairs in _GROUPS.get():
        if (pair := pairs.get(name)) is not None:
            down, up = pair
            x = inputs[0].flatten(0, -2)[rows]  # (n, inputs)
            output.view(-1, output.shape[-1]).index_add_(0, rows, x @ down.t() @ up.t())


def _sizes(module: Any) -> tuple[int, int]:
    rows, columns = module.weight.shape
    return (rows, columns) if isinstance(module, Conv1D) else (columns, rows)
