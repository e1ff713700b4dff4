"""Collections as they were seen last: what a search need not ask the database again until the next write."""

import math
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

from retrieval.domain import EVERYTHING, Access, Collection, Effort, Ids

_K = TypeVar("_K")
_V = TypeVar("_V")

# Names are dropped all together when there are more: most will have been deleted.
_MOST = 1024
# What the time of a query depends on within a collection: the effort asked for, top_k, and the filter's text.
Shape = tuple[Effort | None, int, str | None]
# Shapes, and filters, that are known of a collection.
_MOST_OF_ONE = 64


@dataclass(frozen=True, slots=True)
class Known:
    """A collection at a version of its store.

    `lsn` is that version's last write. `open` tells that nothing in it has readers. `query_s` is the
    least time that a query of its vectors took a core, in seconds, by shape. `allowed` has what filters let through
    to who may read all, by their text, while whoever keeps such sets does.
    """

    version: int
    epoch: int
    collection: Collection
    lsn: int
    open: bool
    query_s: Mapping[Shape, float] = field(default_factory=dict)
    allowed: "Mapping[str, weakref.ref[Ids]]" = field(default_factory=dict)

    def shows_all(self, access: Access) -> bool:
        """Tell whether `access` may read all of it."""
        return self.open or access is EVERYTHING

    def seconds(self, shape: Shape) -> float:
        """Return the time that such a query takes a core; infinite while none was timed."""
        return self.query_s.get(shape, math.inf)

    def timed(self, shape: Shape, seconds: float) -> Self:
        """Return what is known once such a query has taken so long."""
        return replace(self, query_s=_with(self.query_s, shape, min(seconds, self.seconds(shape))))

    def let_through(self, where: str) -> Ids | None:
        """Return the chunks that this filter lets through, ascending; None when that is not known."""
        kept = self.allowed.get(where)
        return None if kept is None else kept()

    def filtered(self, where: str, allowed: Ids) -> Self:
        """Return what is known once a filter was found to let these through."""
        return replace(self, allowed=_with(self.allowed, where, weakref.ref(allowed)))


class KnownCollections:
    """By tenant and name or alias; any thread may ask."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Known] = {}

    def get(self, tenant: str, name: str, version: int) -> Known | None:
        """Return what is known at this version of the store."""
        known = self._kept.get((tenant, name))
        return known if known is not None and known.version == version else None

    def put(self, tenant: str, name: str, known: Known) -> None:
        """Note what a search saw."""
        if len(self._kept) >= _MOST and (tenant, name) not in self._kept:
            self._kept.clear()
        self._kept[tenant, name] = known

    def forget(self) -> None:
        """Know nothing any more: what was timed is true no longer."""
        self._kept.clear()


def _with(known: Mapping[_K, _V], key: _K, value: _V) -> dict[_K, _V]:
    """What is known with one more, the oldest left out where there are too many."""
    kept = {**known, key: value}
    if len(kept) > _MOST_OF_ONE:
        del kept[next(iter(kept))]
    return kept
