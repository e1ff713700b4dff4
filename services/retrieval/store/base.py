"""The port of a durable store. Writes return futures that resolve once durable and visible."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from retrieval import domain, reports
from retrieval.domain import EVERYTHING, Access, Collection, CollectionSpec, Document, Ids, Vector
from retrieval.filters import Filter
from retrieval.store.reader import Reader

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VectorChange:
    """What a committed write did to a collection's vectors: `removed` first, then `added` (n, dimension)."""

    collection: int
    removed: Ids
    added: Ids
    vectors: Vector


@dataclass(frozen=True, slots=True)
class CollectionChange:
    """A collection was made, or (`spec` None) deleted."""

    collection: int
    spec: CollectionSpec | None


Change = VectorChange | CollectionChange


class CommitListener(Protocol):
    """What is derived from the store hears of every change."""

    def publish(self, commit: Callable[[], None], changes: Sequence[Change]) -> None:
        """Call `commit`, then take the changes in, so that no reader of both sees one without the other."""

    def reload(self, reader: Reader) -> None:
        """Forget everything and derive it anew: the store was opened or, with an empty manifest, replaced."""


class Store(Protocol):
    """Collections, made under a tenant and a name; later writes take the collection that a reader gave out.

    Writes raise Overloaded when too many wait, Unavailable once the store is closed.
    """

    @property
    def version(self) -> int:
        """A number that grows with every commit, before the commit's listener and callers hear of it.

        While it stays, so does all that a view opened under it has shown, and nothing newer was acknowledged.
        """

    @property
    def epoch(self) -> int:
        """A number that grows, and the version with it, when the store is replaced: ids may then come again."""

    def reading(self, access: Access = EVERYTHING) -> AbstractContextManager[Reader]:
        """Hold a view of what `access` may read; not to be nested in one thread."""

    def create_collection(self, tenant: str, spec: CollectionSpec) -> Future[Collection]:
        """Make a collection, or fail with AlreadyExists."""

    def delete_collection(self, tenant: str, name: str) -> Future[int]:
        """Delete a collection with all it holds, or fail with NotFound; gives the number of documents."""

    def swap_alias(
        self, tenant: str, alias: str, collection: str, expected_lsn: int | None = None
    ) -> Future[str]:
        """Point an alias at a collection, "" to remove it; gives the collection it pointed to, or "".

        Fails with VersionConflict when that collection's last write is not the expected one.
        """

    def upsert(
        self,
        collection: Collection,
        items: Sequence[Document],
        expected_version: int | None,
        access: Access = EVERYTHING,
    ) -> Future[domain.Written]:
        """Write documents, all or none; fails with VersionConflict, and NotFound without the collection.

        Fails with PermissionDenied when one would replace a document that `access` may not read.
        """

    def delete(
        self, collection: Collection, which: Sequence[str] | Filter, access: Access = EVERYTHING
    ) -> Future[domain.Deleted]:
        """Delete documents by id or by filter, of those that `access` may read."""

    def swap_segments(
        self, added: domain.SegmentRecord | None, removed: Sequence[str], wanted: Callable[[], bool]
    ) -> Future[bool]:
        """Exchange segments, by token, for one in the manifest if that is still wanted; tells whether it did.

        `wanted` is asked between two commits; it also does nothing without the collection.
        """

    def between_writes(self, work: Callable[[Reader], T]) -> Future[T]:
        """Run work while no commit happens."""

    def verify(self, checked: Sequence[Collection]) -> Future[list[reports.Finding]]:
        """Check the whole file, and what the store derives from these collections' documents."""

    def rebuild(self, broken: Sequence[Collection]) -> Future[None]:
        """Derive that anew."""

    def snapshot(self, name: str) -> reports.SnapshotInfo:
        """Write a copy while serving (this call blocks); raises AlreadyExists."""

    def restore(self, name: str) -> Future[reports.Totals]:
        """Replace everything by a copy; fails with NotFound, or DataLoss when the copy is damaged."""

    def compact(self) -> Future[reports.Compaction]:
        """Give the space of deleted content back to the file system."""

    def close(self) -> None:
        """Finish what is queued and let go of everything."""
