"""Passages that were found before, in memory. A chunk never changes: what is written anew gets a new id."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from retrieval.domain import KeptPassage, Passage, Reference

# What a passage's fields, its place among the others and the numbers take, beside its text.
_ENTRY_BYTES = 1024


class KeptPassages:
    """The passages used last, of about `most_bytes` together; any thread may ask.

    Chunk ids mean something within one epoch of the store: what is kept of an earlier one is dropped, and who still
    looks at an earlier one keeps nothing. Who may read a passage is for its finder to know.
    """

    def __init__(self, most_bytes: int, encode: Callable[[Reference], bytes]) -> None:
        self._most_bytes = most_bytes
        self._encode = encode
        self._epoch = 0
        self._bytes = 0
        self._kept: OrderedDict[int, KeptPassage] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, epoch: int, chunks: Iterable[int]) -> dict[int, KeptPassage]:
        """Return those of the chunks that are kept."""
        found: dict[int, KeptPassage] = {}
        with self._lock:
            if epoch != self._epoch:
                return found
            look_up, use = self._kept.get, self._kept.move_to_end
            for chunk in chunks:
                if (kept := look_up(chunk)) is not None:
                    use(chunk)
                    found[chunk] = kept
        return found

    def put(self, epoch: int, passages: Mapping[int, Passage]) -> dict[int, KeptPassage]:
        """Keep passages; returns them as they are kept."""
        made = {
            chunk: KeptPassage(passage, self._encode(passage), self._encode(passage.reference()))
            for chunk, passage in passages.items()
        }
        with self._lock:
            if epoch > self._epoch:
                self._epoch, self._bytes = epoch, 0
                self._kept.clear()
            if epoch == self._epoch:
                for chunk, kept in made.items():
                    if chunk not in self._kept:
                        self._kept[chunk] = kept
                        self._bytes += size(kept)
                while self._bytes > self._most_bytes:
                    self._bytes -= size(self._kept.popitem(last=False)[1])
        return made


def size(kept: KeptPassage) -> int:
    """Return about how many bytes keeping a passage takes: its text is there twice."""
    return 2 * len(kept.encoded) + len(kept.encoded_reference) + _ENTRY_BYTES
