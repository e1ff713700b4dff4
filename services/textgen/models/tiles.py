"""Which tokens a pass computes, cut into the tiles that a kernel on a GPU attends in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textgen.kv_blocks import BLOCK_TOKENS
from textgen.models.block_cache import BlockCache
from textgen.models.paged_attention import Rules

_TOKENS = 16  # of a tile of prompts
_BUSY = 16  # tiles that keep a GPU busy, with a few heads in each; fewer are split along the keys


@dataclass(frozen=True, slots=True)
class Tiles:
    """Integers on the device.

    Of each sequence: its block table (sequences, blocks), the position of its first token in the pass, where that lies
    in the pass, and how many it has. Of each tile: its sequence, and its first token among that sequence's.
    `tokens` are those of a tile at most, `splits`, a power of two, its parts along the keys.
    """

    tables: Tensor
    starts: Tensor
    firsts: Tensor
    lengths: Tensor
    owners: Tensor
    offsets: Tensor
    tokens: int
    splits: int


# Attention of query (tokens, heads, width) to blocks of keys and values (blocks, BLOCK_TOKENS, shared heads, width).
Kernel = Callable[[Tensor, Tensor, Tensor, Tiles, Rules], Tensor]


@dataclass(frozen=True, slots=True)
class TiledPass:
    """Implements Attention over the cache; `slots` (tokens,) are where the new keys and values go."""

    cache: BlockCache
    slots: Tensor
    tiles: Tiles
    kernel: Kernel

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rules: Rules) -> Tensor:
        """Write the new keys and values, then attend to all that the tables list up to each token."""
        keys, values = self.cache.keys[layer], self.cache.values[layer]
        keys.flatten(0, 1).index_copy_(0, self.slots, key)
        values.flatten(0, 1).index_copy_(0, self.slots, value)
        return self.kernel(query, keys, values, self.tiles, rules)


def splits_of(tiles: int) -> int:
    """Parts that each of so many tiles is split into."""
    return max(1, 1 << (_BUSY // tiles).bit_length() - 1) if tiles <= _BUSY else 1


def tiled(
    cache: BlockCache,
    kernel: Kernel,
    tables: Sequence[Sequence[int]],
    starts: Sequence[int],
    lengths: Sequence[int],
    device: torch.device,
) -> TiledPass:
    """A pass over `lengths` tokens of each sequence, from its position in `starts` on."""
    table = np.zeros((len(tables), max(map(len, tables))), dtype=np.int32)
    for row, blocks in enumerate(tables):
        table[row, : len(blocks)] = blocks
    counts, begins = np.asarray(lengths), np.asarray(starts)
    firsts = counts.cumsum() - counts
    owner = np.repeat(np.arange(len(counts)), counts)  # of each token
    places = np.arange(counts.sum()) - firsts[owner] + begins[owner]
    slots = table[owner, places // BLOCK_TOKENS].astype(np.int64) * BLOCK_TOKENS + places % BLOCK_TOKENS
    tokens = 1 if counts.max() == 1 else _TOKENS
    cut = -(-counts // tokens)
    owners = np.repeat(np.arange(len(counts)), cut)
    offsets = (np.arange(cut.sum()) - (cut.cumsum() - cut)[owners]) * tokens

    def sent(part: NDArray[np.int32] | NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(part.astype(np.int32)).to(device)

    tiles = Tiles(
        tables=sent(table),
        starts=sent(begins),
        firsts=sent(firsts),
        lengths=sent(counts),
        owners=sent(owners),
        offsets=sent(offsets),
        tokens=tokens,
        splits=splits_of(len(owners)),
    )
    return TiledPass(cache, torch.from_numpy(slots).to(device), tiles, kernel)
