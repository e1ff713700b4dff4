"""What readers of one store remember for those who come after them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

from retrieval.postings import Postings
from retrieval.store.sqlite.chunk_sets import ChunkSets
from retrieval.store.sqlite.word_counts import WordCounts

POSTINGS_BYTES = _CHUNK_SETS_BYTES = 64 * 1024 * 1024
_ENTRY_BYTES = 256  # a key, arrays' heads and their place among the others
_POSTING_BYTES = 16
# Postings of so few chunks are read at once; of more, when they are asked for again.
_FEW = 2000
# What was used in the last searches is not driven out: read by turns, postings would cost more than they save.
_RECENT = 256


class KeptPostings:
    """Postings, of about `most_bytes` together; any thread may ask.

    They change with every write, and those of common words take as long to read as a search does. So these are read
    when they are asked for again and nothing was written since.
    """

    def __init__(self, most_bytes: int = POSTINGS_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._searches = 0
        # When each was used last, and the postings, None of what was asked for once. Those used last are at the end.
        self._kept: OrderedDict[Hashable, tuple[int, Postings | None]] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, view: Hashable, counts: Mapping[str, int], read: Callable[[str], Postings]
    ) -> list[Postings] | None:
        """Return the postings of words, given in about how many chunks each is; None where they are not read yet.

        `view` tells the collection and what was written to it.
        """
        with self._lock:
            self._searches += 1
            found = {word: self._use((view, word), counts[word]) for word in counts}
            if not all(may_read for may_read, _ in found.values()):
                return None
            known = {word: kept for word, (_, kept) in found.items() if kept is not None}
            lacking = [word for word in counts if word not in known]
            needed = sum(_ENTRY_BYTES + _POSTING_BYTES * _at_most(counts[word]) for word in lacking)
            if not self._make_room(needed):
                return None
            self._bytes += needed  # until they are read
        try:
            known |= {word: read(word) for word in lacking}
        finally:
            with self._lock:
                self._bytes -= needed
        with self._lock:
            for word in lacking:
                self._put((view, word), known[word])
        return [known[word] for word in counts]

    def _use(self, key: Hashable, count: int) -> tuple[bool, Postings | None]:
        """Note that a word is asked for; tells whether its postings may be read, and what they are if they were."""
        if key in self._kept:
            kept = self._kept[key][1]
            self._put(key, kept)
            return True, kept
        if count <= _FEW:
            return True, None
        if self._make_room(_ENTRY_BYTES):
            self._put(key, None)
        return False, None

    def _make_room(self, needed: int) -> bool:
        while self._bytes + needed > self._most_bytes:
            oldest = next(iter(self._kept), None)
            if oldest is None or self._searches - self._kept[oldest][0] < _RECENT:
                return False
            self._bytes -= _size(self._kept.pop(oldest)[1])
        return True

    def _put(self, key: Hashable, postings: Postings | None) -> None:
        if key in self._kept:
            self._bytes -= _size(self._kept.pop(key)[1])
        self._bytes += _size(postings)
        self._kept[key] = self._searches, postings


@dataclass(frozen=True, slots=True)
class Remembered:
    """Sets of chunks, counts of words, and their postings."""

    chunk_sets: ChunkSets = field(default_factory=lambda: ChunkSets(_CHUNK_SETS_BYTES))
    word_counts: WordCounts = field(default_factory=WordCounts)
    postings: KeptPostings = field(default_factory=KeptPostings)


def _at_most(count: int) -> int:
    """How many chunks a word is in at most that is told to be in so many or a few more."""
    return count + count // 7


def _size(postings: Postings | None) -> int:
    return _ENTRY_BYTES + (0 if postings is None else postings.nbytes)
