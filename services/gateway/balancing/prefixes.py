"""What a server's cache of prompts probably holds."""

from collections import OrderedDict
from collections.abc import Sequence


class Prefixes:
    """The blocks of prompts that were last sent to one server, at most `limit` of them.

    Nobody is asked what is cached: what went there lately is taken to be there still, as the prefix scorer of llm-d's
    inference scheduler does.
    """

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._blocks: OrderedDict[bytes, None] = OrderedDict()

    def matched(self, blocks: Sequence[bytes]) -> int:
        """How many of a prompt's first blocks went there."""
        for place, block in enumerate(blocks):
            if block not in self._blocks:
                return place
        return len(blocks)

    def add(self, blocks: Sequence[bytes]) -> None:
        """They go there now."""
        # A prompt's first block is kept for longest: without it no other counts.
        for block in reversed(blocks):
            self._blocks[block] = None
            self._blocks.move_to_end(block)
        while len(self._blocks) > self._limit:
            self._blocks.popitem(last=False)

    def clear(self) -> None:
        """The server began anew."""
        self._blocks.clear()
