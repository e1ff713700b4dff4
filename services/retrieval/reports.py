"""What is told of the store as a whole: what is wrong with it, its copies, its measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retrieval.domain import Effort, IndexKind


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency; `collection` is empty when it concerns the whole store."""

    collection: str
    kind: str
    description: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found."""

    findings: Sequence[Finding]
    checked_chunk_count: int


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A copy of the store."""

    name: str
    size_bytes: int
    sha256: str
    lsn: int


@dataclass(frozen=True, slots=True)
class Compaction:
    """Size on disk around a compaction, in bytes."""

    before_bytes: int
    after_bytes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Measures of what is stored."""

    collection_count: int
    document_count: int
    chunk_count: int
    disk_bytes: int
    last_lsn: int
    schema_version: int


@dataclass(frozen=True, slots=True)
class IndexTotals:
    """Measures of the vector indexes. `sealed_count` are the segments' vectors, those with tombstones included.

    `walk_widths` are the widest walks for the nearest 10, in vectors, where segments are walked through.
    """

    vector_count: int = 0
    vector_bytes: int = 0
    segment_count: int = 0
    segment_bytes: int = 0
    sealed_count: int = 0
    tombstone_count: int = 0
    unsealed_count: int = 0
    walk_widths: Mapping[tuple[IndexKind, Effort], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stats:
    """Measures of the store and of its vector indexes."""

    totals: Totals
    index: IndexTotals

    @property
    def disk_bytes(self) -> int:
        """Size of the database, its log and the segments."""
        return self.totals.disk_bytes + self.index.segment_bytes
