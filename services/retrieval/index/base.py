"""The port of a vector index. It is derived from the store and holds nothing of its own."""

from typing import Protocol

from retrieval.domain import CollectionSpec, Ids, Scores, Vector


class VectorIndex(Protocol):
    """Vectors by ascending int64 id. Searches may run side by side; a change needs exclusion from outside."""

    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """Size of the vectors in memory, in bytes."""

    def add(self, ids: Ids, vectors: Vector) -> None:
        """Add vectors (n, dimension) under ids that ascend and exceed all that were ever added."""

    def remove(self, ids: Ids) -> None:
        """Remove ids; those it does not hold are passed over."""

    def search(self, query: Vector, k: int, allowed: Ids | None = None) -> tuple[Ids, Scores]:
        """Return the k best ids and their scores, best first, and after them those that tie with the k-th.

        `query` is (dimension,); `allowed` restricts the search to these ids. Higher scores are better.
        Fewer than k come back only when fewer exist.
        """

    def ids(self) -> Ids:
        """Return all ids, ascending."""

    def vectors(self, start: int, stop: int) -> Vector:
        """Return the vectors at these places of `ids()`, (stop - start, dimension)."""


class IndexFactory(Protocol):
    """Makes an empty index for a collection."""

    def __call__(self, spec: CollectionSpec) -> VectorIndex:
        """Make it."""
