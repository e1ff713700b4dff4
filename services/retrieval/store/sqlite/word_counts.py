"""In how many chunks words are: counted once for many searches, as the common ones take long to count."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_MOST = 16_384
_TOLERATED = 16  # a count holds while no more than one in so many may have come or gone


@dataclass(frozen=True, slots=True)
class Moment:
    """What tells how much a collection has changed: the last number that a chunk anywhere was given, and its chunks."""

    last_chunk: int
    chunk_count: int

    def changes(self, since: "Moment") -> int:
        """Return how many chunks may have come or gone, at most, whichever moment was first."""
        return 2 * abs(self.last_chunk - since.last_chunk) + abs(self.chunk_count - since.chunk_count)


class WordCounts:
    """Of the words asked for last, by collection and epoch of the store; any thread may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, str], tuple[Moment, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, epoch: int, collection: int, now: Moment, word: str, count: Callable[[], int]) -> int:
        """Return in how many chunks the word is, or somewhat less, but 0 only where it is in none."""
        key = epoch, collection, word
        with self._lock:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
        if kept is not None and (changes := now.changes(kept[0])) * _TOLERATED <= kept[1]:
            return kept[1] - changes
        counted = count()
        with self._lock:
            self._kept[key] = now, counted
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return counted
