"""Keys and values of encoder-decoders' sequences: each one's own, and those of a batch padded to one another.

Of what was answered they are padded on the left, so that the next tokens lie behind each other and all distances are
right; of prompts on the right.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache, EncoderDecoderCache
from transformers.cache_utils import DynamicLayer

Pairs = list[tuple[Tensor, Tensor]]  # keys and values of each layer, (rows, heads, tokens, width)


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the answers so far, and of the prompts; replaced as a whole, so that a pass that fails changes nothing."""

    own: Pairs
    prompt: Pairs

    def opened(self) -> EncoderDecoderCache:
        """A cache to give to a model; it puts new tensors in the place of these."""
        return EncoderDecoderCache(_opened(self.own), _opened(self.prompt))

    def row(self, place: int, answered: int, prompt: int) -> "Memory":
        """One row's part without its padding."""
        at, begin = slice(place, place + 1), self.own[0][0].shape[2] - answered
        return Memory(
            [(keys[at, :, begin:], values[at, :, begin:]) for keys, values in self.own],
            [(keys[at, :, :prompt], values[at, :, :prompt]) for keys, values in self.prompt],
        )


def closed(cache: EncoderDecoderCache) -> Memory:
    """What a model has left in a cache."""
    caches = cache.self_attention_cache, cache.cross_attention_cache
    return Memory(*([(layer.keys, layer.values) for layer in each.layers] for each in caches))


def joined(memories: Sequence[Memory]) -> Memory:
    """Rows beside each other, in one batch."""
    return Memory(
        [_padded(layer, left=True) for layer in zip(*(each.own for each in memories), strict=True)],
        [_padded(layer, left=False) for layer in zip(*(each.prompt for each in memories), strict=True)],
    )


def can_be_mixed(decoder: Any) -> bool:
    """Whether rows at different positions can share a batch: those of T5 are relative, BART's are looked up."""
    return not hasattr(decoder, "embed_positions") or hasattr(decoder.embed_positions, "offset")


@contextmanager
def placed(decoder: Any, positions: Tensor) -> Iterator[None]:
    """While it lasts, a decoder that looks positions up finds each row (rows,) at its own."""
    table = getattr(decoder, "embed_positions", None)
    if table is None or not can_be_mixed(decoder):
        yield
        return
    found = functional.embedding(positions[:, None] + table.offset, table.weight)  # (rows, 1, width)
    hook = table.register_forward_hook(lambda *_: found)
    try:
        yield
    finally:
        hook.remove()


def _opened(pairs: Pairs) -> DynamicCache:
    cache = DynamicCache()
    for keys, values in pairs:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        cache.layers.append(layer)
    return cache


def _padded(pairs: Sequence[tuple[Tensor, Tensor]], *, left: bool) -> tuple[Tensor, Tensor]:
    longest = max(keys.shape[2] for keys, _ in pairs)

    def beside(tensors: Sequence[Tensor]) -> Tensor:
        gaps = [longest - each.shape[2] for each in tensors]
        sides = [(0, 0, gap, 0) if left else (0, 0, 0, gap) for gap in gaps]
        return torch.cat([functional.pad(each, side) for each, side in zip(tensors, sides, strict=True)])

    keys, values = zip(*pairs, strict=True)
    return beside(keys), beside(values)
