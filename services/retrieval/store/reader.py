"""The port of reads: a view of the store at one point in time. Its methods block."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from retrieval.domain import Collection, Document, Ids, Page, Passage, Scores, SegmentRecord, Vector
from retrieval.filters import Filter
from retrieval.reports import Totals

MAX_ID = 2**63 - 1


class Reader(Protocol):
    """A view of what one caller may read; what others alone may read is not there, but for vectors and
    counts.

    `lsn` is the last write that the view sees. Chunks go by internal ids, which ascend with time.
    """

    lsn: int
    # `Store.version` and `Store.epoch` when the view was opened, or before.
    version: int
    epoch: int

    def collection(self, tenant: str, name: str, *, alias: bool = True) -> Collection:
        """Return a collection by name or, unless `alias` is False, by alias; raises NotFound."""

    def collections(self, tenant: str | None, after: str = "", limit: int = -1) -> list[Collection]:
        """Return a tenant's collections by name, those after `after`; with None everybody's."""

    def document(self, collection: int, document_id: str, *, vectors: bool) -> Document:
        """Return a document with its chunks, and with their vectors when asked; raises NotFound."""

    def documents(
        self, collection: int, where: Filter | None, after: str, limit: int, *, content: bool
    ) -> Page:
        """Return documents by id, those after `after`; a page of full documents may end early by size."""

    def matching_chunks(self, collection: int, where: Filter | None) -> Ids | None:
        """Return the chunks of documents that match and that the caller may read, ascending; None for all."""

    def shows_all(self, collection: int) -> bool:
        """Tell whether the caller may read all of the collection."""

    def lexical(
        self, collection: int, words: Sequence[str], where: Filter | None, limit: int
    ) -> tuple[Ids, Scores]:
        """Return the best chunks that have any of these `lexical.terms` and match, and their BM25, best first."""

    def chunk_names(self, chunks: Ids) -> dict[int, str]:
        """Return the public ids of chunks, "<document id>#<ordinal>"; unknown ones are absent."""

    def passages(self, chunks: Ids) -> dict[int, Passage]:
        """Return what is stored about chunks; unknown ones are absent."""

    def chunk_vectors(self, chunks: Ids) -> dict[int, Vector]:
        """Return the vectors of chunks, each (dimension,); those without one are absent."""

    def vectors(self, collection: int, first: int = 0, last: int = MAX_ID) -> Iterator[tuple[Ids, Vector]]:
        """Yield vectors of the chunks `first` to `last` in blocks of ascending ids; raises DataLoss on a wrong size."""

    def vector_ids(self, collection: int) -> Ids:
        """Return the chunks that have a vector, ascending."""

    def segments(self, collection: int) -> list[SegmentRecord]:
        """Return the manifest of a collection's sealed segments."""

    def totals(self) -> Totals:
        """Return measures of the store."""
