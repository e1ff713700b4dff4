"""The ports of vector search: an index, and the kinds of sealed segment it may be made of. All is derived."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import Bitmap, CollectionSpec, Effort, Ids, Scores, Vector
from retrieval.index.planner import Step

# Ids of stored vectors → the vectors (n, dimension), in this order.
Fetch = Callable[[Ids], Vector]


class VectorIndex(Protocol):
    """Vectors by ascending int64 id. Searches may run side by side; a change needs exclusion from outside."""

    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """Size of the vectors in memory, in bytes."""

    @property
    def in_memory(self) -> bool:
        """Whether a search computes and does nothing else: it waits for nothing and needs no `fetch`."""

    def add(self, ids: Ids, vectors: Vector) -> None:
        """Add vectors (n, dimension) under ids that ascend and exceed all that were ever added."""

    def remove(self, ids: Ids) -> None:
        """Remove ids; those it does not hold are passed over."""

    def search(
        self,
        queries: Vector,
        k: int,
        allowed: Ids | None = None,
        effort: Effort = Effort.DEFAULT,
        fetch: Fetch | None = None,
    ) -> list[tuple[Ids, Scores]]:
        """Return for each query the k best ids and their scores, best first, then those that tie with the k-th.

        Of many equal vectors an approximate index may miss any.
        `queries` is (n, dimension); `allowed` (ascending) restricts the search to these ids. Higher scores are
        better; they are exact. Fewer than k come back only when fewer exist. `fetch` reads the stored vectors,
        in the view that the search belongs to; indexes that keep no exact vectors need it.
        """

    def learn(self, k: int, effort: Effort, recall: float) -> bool:
        """Take in what share of its k nearest a query without a filter found; searches go on meanwhile.

        Tells whether that changes how they go about it.
        """

    def explain(self, k: int, allowed: Ids | None, effort: Effort) -> list[str]:
        """Tell how a search goes about it, part by part; nothing when it is a plain scan."""

    def mismatch(self, stored: Iterable[tuple[Ids, Vector]]) -> str | None:
        """Compare with the stored vectors, in blocks of ascending ids; return what differs, None when nothing."""


class IndexFactory(Protocol):
    """Makes an empty index for a collection."""

    def __call__(self, spec: CollectionSpec) -> VectorIndex:
        """Make it."""


class Sealed(Protocol):
    """An index that never changes. A slot is a vector's place among those it was built from, from 0."""

    @property
    def ntotal(self) -> int:
        """Number of vectors."""

    @property
    def dimension(self) -> int:
        """Their dimension."""

    @property
    def nbytes(self) -> int:
        """Size in memory, in bytes."""

    def search(
        self, queries: Vector, k: int, allowed: Bitmap | None, effort: Effort
    ) -> tuple[NDArray[np.float32], Ids]:
        """Return FAISS distances and slots, both (n, at least min(k, allowed)), best first.

        `queries` is (n, dimension), `allowed` a set of slots. Slots are -1 where fewer are allowed, or where no more
        are found: whoever asks then scans.
        Distances may be approximate: callers score the slots anew. Threads may search side by side.
        """

    def plan(self, k: int, allowed: Bitmap | None, effort: Effort) -> Step:
        """Return how a search would go about it."""

    def vectors(self, slots: Ids) -> Vector | None:
        """Return the very vectors it was built from (n, dimension), None from a kind that keeps none."""

    def write(self, path: Path) -> None:
        """Write it, or where it is, to a new file; making that durable is the caller's part."""


class Elsewhere(Protocol):
    """Where segments lie whose files only tell where they are."""

    def drop(self, path: Path) -> None:
        """Drop what a segment's index file names; what fails is left to the next `sweep`."""

    def sweep(self, kept: Iterable[Path]) -> None:
        """Drop all of this store's segments that none of these index files names."""


class SegmentKind(Protocol):
    """Makes the sealed segments of one collection, whose settings it was made with."""

    @property
    def in_memory(self) -> bool:
        """Whether they hold the vectors whole, in this process."""

    def learn(self, segments: Sequence[Sealed], k: int, effort: Effort, recall: float) -> bool:
        """Take in what share of its k nearest a query without a filter found in these segments.

        Tells whether that changes how they are searched.
        """

    def build(self, vectors: Vector, checkpoint: Callable[[], None] = lambda: None) -> Sealed:
        """Build a segment of vectors (n, dimension), n ≥ 1. Runs off the serving path, for minutes maybe.

        `checkpoint` is called again and again meanwhile; what it raises ends the build, which then leaves nothing.
        """

    def read(self, path: Path) -> Sealed:
        """Read a file whose checksum was verified.

        Raises ValueError when it holds another kind of index, Unavailable when it lies where nobody answers.
        """
