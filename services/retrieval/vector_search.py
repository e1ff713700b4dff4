"""The search of one collection's vectors, as plain and fused queries share it. Blocking."""

from dataclasses import dataclass

from retrieval.audit import RecallAudit
from retrieval.domain import Collection, Effort, Ids, Scores, Vector
from retrieval.index.set import IndexSet
from retrieval.rescoring import fetch_from
from retrieval.store.reader import Reader


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """What to look for: the k nearest to each of `vectors` (n, dimension), which are checked."""

    vectors: Vector
    k: int
    allowed: Ids | None
    wanted_effort: Effort | None

    @property
    def effort(self) -> Effort:
        """How hard to look; a filter is never to cost results, so it asks for more."""
        return self.wanted_effort or (Effort.DEFAULT if self.allowed is None else Effort.ACCURATE)


class VectorSearch:
    """Searches indexes; its callers share their lock from opening `reader` to the end of a search."""

    def __init__(self, indexes: IndexSet, audit: RecallAudit | None = None) -> None:
        self._indexes = indexes
        self._audit = audit

    def search(
        self, reader: Reader | None, collection: Collection, query: VectorQuery
    ) -> list[tuple[Ids, Scores]]:
        """Return what `VectorIndex.search` does, and have the audit see it.

        Indexes that hold the vectors themselves need no reader.
        """
        index = self._indexes.get(collection.id)
        fetch = None if reader is None else fetch_from(reader, collection.spec.dimension)
        found = index.search(query.vectors, query.k, query.allowed, query.effort, fetch)
        if self._audit:
            self._audit.offer(collection, query.vectors, query.k, query.allowed, query.effort)
        return found

    def explain(self, collection: Collection, query: VectorQuery) -> str:
        """Tell how such a search goes about it."""
        text = collection.spec.index.value
        if query.allowed is not None:
            text += f", {len(query.allowed)} of {collection.chunk_count} by filter"
        steps = self._indexes.get(collection.id).explain(query.k, query.allowed, query.effort)
        return f"{text}, {query.effort.value}: {', '.join(steps)}" if steps else text
