"""The manifest: which sealed segments there are. A row is written last, so its files are whole and durable."""

import re
import sqlite3
from collections.abc import Callable, Sequence

import structlog
from serving.errors import DataLoss

from retrieval.domain import IndexKind, SegmentRecord
from retrieval.store.base import Change
from retrieval.store.sqlite import rows

log = structlog.get_logger(__name__)

_COLUMNS = "token, collection, kind, count, dimension, embedding_model, sha256, size_bytes"
_TOKEN = re.compile("[0-9a-f]{32}")
_TYPES = (str, int, str, int, int, str, str, int)


def of(connection: sqlite3.Connection, collection: int) -> list[SegmentRecord]:
    """Return a collection's segments, in the order they were published."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM segments WHERE collection = ? ORDER BY id", (collection,)
    )
    records = []
    for row in found:
        try:
            records.append(_record(row))
        except DataLoss:  # derived, like what it names: built anew
            log.warning("segment_row_damaged", collection=collection)
    return records


def swap(
    connection: sqlite3.Connection,
    added: SegmentRecord | None,
    removed: Sequence[str],
    wanted: Callable[[], bool],
) -> tuple[bool, list[Change]]:
    """Exchange segments for one, if that is still wanted and the collection exists; tells whether it did."""
    if not wanted():
        return False, []
    connection.executemany("DELETE FROM segments WHERE token = ?", [(token,) for token in removed])
    if added is None:
        return True, []
    written = connection.execute(
        f"INSERT INTO segments ({_COLUMNS}) SELECT ?, id, ?, ?, ?, ?, ?, ? FROM collections WHERE id = ?",
        (
            added.token,
            added.kind.value,
            added.count,
            added.dimension,
            added.embedding_model,
            added.sha256,
            added.size_bytes,
            added.collection,
        ),
    )
    return written.rowcount == 1, []


@rows.decoder
def _record(row: rows.Row) -> SegmentRecord:
    token, owner, kind, *rest = rows.typed(row, _TYPES)
    if not _TOKEN.fullmatch(token):  # it names files
        raise ValueError
    return SegmentRecord(token, owner, IndexKind(kind), *rest)


def forget_all(connection: sqlite3.Connection) -> None:
    """Empty the manifest: what it names was derived from another database."""
    connection.execute("DELETE FROM segments")
