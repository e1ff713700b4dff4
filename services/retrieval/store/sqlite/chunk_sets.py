"""Sets of chunks that were asked for before: what a filter and a caller let through, until the next write."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable

from retrieval.domain import Ids

_ENTRY_BYTES = 256  # an array's head and its place among the others


class ChunkSets:
    """The sets used last, of `most_bytes` together. Keys must name all that a set depends on; any thread may ask.

    `epoch` is part of that: who still looks at what was before `clear` keeps nothing for those who come after.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.epoch = 0
        self._bytes = 0
        self._kept: OrderedDict[str, Ids] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], Ids]) -> Ids:
        """Return the set of this key, made when it is not kept. It is shared, and so read-only."""
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found
        made = make()
        made.flags.writeable = False
        with self._lock:
            if key not in self._kept and size(key, made) <= self._most_bytes:
                self._kept[key] = made
                self._bytes += size(key, made)
                while self._bytes > self._most_bytes:
                    self._bytes -= size(*self._kept.popitem(last=False))
        return made

    def clear(self) -> None:
        """Forget all: the store was replaced or mended, and its numbers may come again."""
        with self._lock:
            self.epoch += 1
            self._kept.clear()
            self._bytes = 0


def size(key: str, chunks: Ids) -> int:
    """Return the bytes that keeping a set takes; an empty one is not free."""
    return sys.getsizeof(key) + chunks.nbytes + _ENTRY_BYTES
