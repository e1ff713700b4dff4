"""Where the sets that were asked for last lie in a segment."""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable

from retrieval.domain import Bitmap, Ids

Places = tuple[Bitmap, int]  # a set of places, and how many there are
_MOST = 16


class KnownSets:
    """By the array that has the set's ids, if nobody can write to it; any thread may ask. Arrays are not kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[weakref.ref[Ids], Places]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, ids: Ids, find: Callable[[Ids], Places]) -> Places:
        """Return the places of these ids, found when they are not known."""
        if ids.flags.writeable:
            return find(ids)
        key = id(ids)  # another's, once its array is gone
        with self._lock:
            if (kept := self._kept.get(key)) is not None and kept[0]() is ids:
                self._kept.move_to_end(key)
                return kept[1]
        found = find(ids)
        with self._lock:
            self._kept[key] = weakref.ref(ids), found
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return found

    def clear(self) -> None:
        """Know nothing any more: places of some ids are theirs no longer."""
        with self._lock:
            self._kept.clear()
