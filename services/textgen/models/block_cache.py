"""Keys and values in blocks, and attention over them.

Each layer writes its new keys and values into the blocks and attends, sequence by sequence, to what the sequence's
block table lists. After PagedAttention (Kwon et al., SOSP 2023, arXiv:2309.06180).
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from textgen.kv_blocks import BLOCK_TOKENS
from textgen.models.paged_attention import Rules, Shape, attention_of, causal_mask


class BlockCache:
    """The blocks' keys and values, a tensor of (blocks, BLOCK_TOKENS, heads, width) for each and a layer."""

    def __init__(
        self, shapes: Sequence[Shape], blocks: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        def empty(heads: int, width: int) -> Tensor:
            # Zeros, not what was there: 0 times a masked NaN would be NaN. Of numpy they take no memory until used.
            shape = (blocks, BLOCK_TOKENS, heads, width)
            if device.type != "cpu":
                return torch.zeros(shape, dtype=dtype, device=device)
            zeros = np.zeros(math.prod(shape) * dtype.itemsize, dtype=np.uint8)
            return torch.from_numpy(zeros).view(dtype).view(shape)

        self.blocks = blocks
        self.keys = [empty(shape.heads, shape.key_width) for shape in shapes]
        self.values = [empty(shape.heads, shape.value_width) for shape in shapes]

    def copy(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Copy blocks, from and to."""
        origins, places = (torch.tensor(column) for column in zip(*blocks, strict=True))
        for tensor in (*self.keys, *self.values):
            tensor[places] = tensor[origins]


class Cached:
    """A pass over the cache: `tables` are block tables, `starts` first positions, `lengths` tokens of each sequence."""

    def __init__(
        self,
        cache: BlockCache,
        tables: Sequence[Sequence[int]],
        starts: Sequence[int],
        lengths: Sequence[int],
        device: torch.device,
    ) -> None:
        self._cache = cache
        self._lengths = list(lengths)
        self._starts = list(starts)
        self._tables = [torch.tensor(table, device=device) for table in tables]
        slots = [
            table[place // BLOCK_TOKENS] * BLOCK_TOKENS + place % BLOCK_TOKENS
            for table, start, count in zip(tables, starts, lengths, strict=True)
            for place in range(start, start + count)
        ]
        self._slots = torch.tensor(slots, device=device)
        # Sequences that go on by one token are attended to together.
        self._single = [row for row, count in enumerate(lengths) if count == 1]
        self._firsts = torch.tensor(lengths).cumsum(0).sub(torch.tensor(lengths)).tolist()
        if self._single:
            longest = max(starts[row] for row in self._single) // BLOCK_TOKENS + 1
            table = torch.zeros(len(self._single), longest, dtype=torch.long)
            for place, row in enumerate(self._single):
                used = tables[row][: starts[row] // BLOCK_TOKENS + 1]
                table[place, : len(used)] = torch.tensor(used)
            self._table = table.to(device)
            self._single_at = torch.tensor([self._firsts[row] for row in self._single], device=device)
            self._single_starts = torch.tensor([starts[row] for row in self._single], device=device)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rules: Rules) -> Tensor:
        """Write the new keys and values, then attend to all that the tables list up to each token."""
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        keys.flatten(0, 1)[self._slots] = key
        values.flatten(0, 1)[self._slots] = value
        mixed = query.new_empty(*query.shape[:2], value.shape[2])
        if self._single:
            k, v = keys[self._table].flatten(1, 2), values[self._table].flatten(1, 2)
            mask = causal_mask(self._single_starts, 1, k.shape[1], rules.window)
            mixed[self._single_at] = attention_of(query[self._single_at][:, None], k, v, mask, rules)[:, 0]
        for row, count in enumerate(self._lengths):
            if count == 1:
                continue
            start, first = self._starts[row], self._firsts[row]
            used = self._tables[row][: -(-(start + count) // BLOCK_TOKENS)]
            k, v = (each[used].flatten(0, 1)[None, : start + count] for each in (keys, values))
            mask = causal_mask(torch.tensor([start], device=query.device), count, start + count, rules.window)
            mixed[first : first + count] = attention_of(
                query[None, first : first + count], k, v, mask, rules
            )[0]
        return mixed
