"""Collections as they were seen last: what a search need not ask the database again until the next write."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from retrieval.domain import EVERYTHING, Access, Collection, Effort

# Names are dropped all together when there are more: most will have been deleted.
_MOST = 1024
# What the time of a query depends on within a collection: the effort asked for and top_k.
Shape = tuple[Effort | None, int]


@dataclass(frozen=True, slots=True)
class Known:
    """A collection at a version of its store.

    `lsn` is that version's last write. `open` tells that nothing in it has readers. `query_s` is the
    least time that a query of its vectors took a core, in seconds, by shape.
    """

    version: int
    epoch: int
    collection: Collection
    lsn: int
    open: bool
    query_s: Mapping[Shape, float]

    def shows_all(self, access: Access) -> bool:
        """Tell whether `access` may read all of it."""
        return self.open or access is EVERYTHING

    def seconds(self, shape: Shape) -> float:
        """Return the time that such a query takes a core; infinite while none was timed."""
        return self.query_s.get(shape, math.inf)

    def timed(self, shape: Shape, seconds: float) -> Self:
        """Return what is known once such a query has taken so long."""
        return replace(self, query_s={**self.query_s, shape: min(seconds, self.seconds(shape))})


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
