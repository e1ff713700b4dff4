"""Sets of chunks that were asked for before: what a filter and a caller let through, until the next write."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from retrieval.domain import Ids


class ChunkSets:
    """The sets used last, of `most_bytes` together. Keys must name all that a set depends on; any thread may ask.

    `epoch` is part of that: who still looks at what was before `clear` keeps nothing for those who come after.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.epoch = 0
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Ids] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Ids]) -> Ids:
        """Return the set of this key, made when it is not kept. It is shared, and so read-only."""
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found
        made = make()
        made.flags.writeable = False
        with self._lock:
            if key not in self._kept and made.nbytes <= self._most_bytes:
                self._kept[key] = made
                self._bytes += made.nbytes
                while self._bytes > self._most_bytes:
                    self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return made

    def clear(self) -> None:
        """Forget all: the store was replaced or mended, and its numbers may come again."""
        with self._lock:
            self.epoch += 1
            self._kept.clear()
            self._bytes = 0
