"""Collections as they were seen last: what a search need not ask the database again until the next write."""

from dataclasses import dataclass

from retrieval.domain import EVERYTHING, Access, Collection

# Names are dropped all together when there are more: most will have been deleted.
_MOST = 1024


@dataclass(frozen=True, slots=True)
class Known:
    """A collection at a version of its store.

    `lsn` is that version's last write. `open` tells that nothing in it has readers. `query_s` is the time that a
    query of its vectors took a core, in seconds.
    """

    version: int
    epoch: int
    collection: Collection
    lsn: int
    open: bool
    query_s: float

    def shows_all(self, access: Access) -> bool:
        """Tell whether `access` may read all of it."""
        return self.open or access is EVERYTHING


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
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[tenant, name] = known
