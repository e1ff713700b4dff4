"""What is wrong with a collection's vector index."""

from collections.abc import Iterator

from retrieval.domain import Collection
from retrieval.index.base import VectorIndex
from retrieval.index.files import DamagedSegmentError, SegmentFiles
from retrieval.index.segmented import SegmentedIndex
from retrieval.reports import Finding
from retrieval.store.reader import Reader


def index_findings(collection: Collection, index: VectorIndex | None, reader: Reader) -> Iterator[Finding]:
    """Compare an index with the stored vectors."""
    name = collection.spec.name
    if index is None:
        yield Finding(name, "VECTOR_INDEX_MISMATCH", "the vector index is missing")
    elif difference := index.mismatch(reader.vectors(collection.id)):
        yield Finding(name, "VECTOR_INDEX_MISMATCH", f"the vector index {difference}")


def file_findings(
    collection: Collection, index: VectorIndex | None, files: SegmentFiles
) -> Iterator[Finding]:
    """Compare the files of an index's segments with the manifest."""
    if not isinstance(index, SegmentedIndex):
        return
    for segment in index.segments:
        try:
            files.check(segment.record, collection.spec)
        except DamagedSegmentError as error:
            token = segment.record.token
            yield Finding(collection.spec.name, "SEGMENT_DAMAGED", f"segment {token}: {error}")
