"""The book of the cache's blocks: who holds which, and which hold a prefix that may come again. No torch.

A block holds the keys and values of BLOCK_TOKENS tokens, as in PagedAttention (Kwon et al., SOSP 2023,
arXiv:2309.06180). A full block is known by a digest of all tokens up to its end, so that a sequence which begins
alike takes it over instead of computing it again. Blocks that nobody holds keep their content until they are
needed, the least recently used first.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

BLOCK_TOKENS = 16


def digest(before: bytes, tokens: Sequence[int]) -> bytes:
    """Name of a full block: of its tokens and of the block before it; b"" or a salt begins a sequence."""
    return blake2b(np.asarray(tokens, dtype=np.int64).tobytes(), key=before, digest_size=16).digest()


class BlockPool:
    """Blocks 0 to count - 1; a block is free, held by one sequence or more, or only remembered."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = list(range(count - 1, -1, -1))  # the lowest last: what was never used stays untouched
        self._holders = [0] * count
        self._names: dict[int, bytes] = {}
        self._known: dict[bytes, int] = {}
        self._remembered: OrderedDict[int, None] = (
            OrderedDict()
        )  # nobody holds them; least recently used first

    @property
    def available(self) -> int:
        """Blocks that can be taken."""
        return len(self._free) + len(self._remembered)

    @property
    def held(self) -> int:
        """Blocks that sequences hold."""
        return self.count - self.available

    def take(self) -> int:
        """A block with nothing of worth in it. IndexError when none is available."""
        if self._free:
            block = self._free.pop()
        elif self._remembered:
            block, _ = self._remembered.popitem(last=False)
            del self._known[self._names.pop(block)]
        else:
            raise IndexError("no block is available")
        self._holders[block] = 1
        return block

    def share(self, block: int) -> None:
        """Hold a block that is held already, or remembered."""
        self._remembered.pop(block, None)
        self._holders[block] += 1

    def release(self, blocks: Iterable[int]) -> None:
        """Let go of a sequence's blocks, first to last; the last will be forgotten first."""
        for block in reversed(list(blocks)):
            self._holders[block] -= 1
            if self._holders[block] == 0:
                if block in self._names:
                    self._remembered[block] = None
                else:
                    self._free.append(block)

    def seal(self, block: int, name: bytes) -> None:
        """Remember what a full block holds. Of two alike, the first is known by the name."""
        if name not in self._known and block not in self._names:
            self._known[name] = block
            self._names[block] = name

    def find(self, name: bytes) -> int | None:
        """The block of a name, if it is still there."""
        return self._known.get(name)
