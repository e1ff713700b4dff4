"""A collection's index from what is stored: segments from their files, the rest from the database."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import structlog

from retrieval.domain import Collection, CollectionSpec, Ids, SegmentRecord, Vector
from retrieval.index.base import SegmentKind
from retrieval.index.files import DamagedSegmentError, SegmentFiles
from retrieval.index.places import find, lacking
from retrieval.index.segment import Segment
from retrieval.index.segmented import SegmentedIndex
from retrieval.store.reader import Reader

log = structlog.get_logger(__name__)

# What a collection's segments are; None when it has none and is searched exactly.
KindOf = Callable[[CollectionSpec], SegmentKind | None]


def load(
    collection: Collection,
    reader: Reader,
    kind: SegmentKind,
    files: SegmentFiles,
    records: Sequence[SegmentRecord],
) -> tuple[SegmentedIndex, list[str]]:
    """Return the index, and the tokens of segments that were damaged and put aside.

    Tombstones are derived, too: what a segment holds and the database does not is gone. What no whole segment holds is
    searched flat until it is built again. Raises DataLoss when a stored vector is damaged.
    """
    index = SegmentedIndex(collection.spec, kind)
    stored = reader.vector_ids(collection.id)
    missing = np.ones(len(stored), dtype=bool)
    segments: list[Segment] = []
    damaged: list[str] = []
    for record in records:
        try:
            segment = files.load(record, collection.spec, kind)
        except DamagedSegmentError as error:
            log.error("segment_damaged", token=record.token, collection=collection.id, error=str(error))
            files.quarantine(record.token)
            damaged.append(record.token)
            continue
        segment.bury(segment.ids[lacking(stored[missing], segment.ids)])
        missing[find(stored, segment.live_ids())] = False
        segments.append(segment)
    index.load(segments, stored_vectors(reader, collection.id, stored[missing]))
    return index, damaged


def stored_vectors(reader: Reader, collection: int, ids: Ids) -> Iterator[tuple[Ids, Vector]]:
    """Yield the stored vectors of these ids (ascending) in blocks; those that do not exist are absent."""
    if not len(ids):
        return
    for held, vectors in reader.vectors(collection, int(ids[0]), int(ids[-1])):
        places = find(held, ids)
        yield held[places], vectors[places]
