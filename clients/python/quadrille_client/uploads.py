"""Files as they are sent: read whole, by groups that one call takes; those that cannot be read are refused here."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quadrille_client.types.rag import FileRefused, FileRemoved, FilesFinished, FileSkipped, FileStored

MAX_FILE_BYTES = 31 * 1024 * 1024  # a message of the server's default size holds no more
GROUP_FILES, GROUP_BYTES = 16, 16 * 1024 * 1024
SYNC = "sync"  # the field of a document's metadata in which `sync` keeps what it compares

Outcome = FileStored | FileRefused | FileSkipped | FileRemoved


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send."""

    id: str
    data: bytes
    metadata: Mapping[str, Any]
    readers: Sequence[str] = ()


def uploads(
    files: Iterable[tuple[str, Path]], metadata: Mapping[str, Any], readers: Sequence[str] = ()
) -> Iterator[Upload | FileRefused]:
    """The files, or why they cannot be sent."""
    for name, path in files:
        try:
            size = path.stat().st_size
            if size > MAX_FILE_BYTES:
                description = f"has {size} bytes, at most {MAX_FILE_BYTES} can be sent"
                yield FileRefused(name, "TOO_LARGE", "file.data", description)
                continue
            data = path.read_bytes()
        except OSError as error:
            yield FileRefused(name, "UNREADABLE", "file.data", f"cannot be read: {error.strerror or error}")
        else:
            yield Upload(name, data, metadata, readers)


def changed(
    found: Iterable[Upload | FileRefused], known: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]
) -> Iterator[Upload | FileRefused | FileSkipped]:
    """Those that the store does not hold as they are; `known` is its metadata by id.

    What a document is compared by goes along in its metadata: a SHA-256 of the file's bytes, and the `options` it is
    cut with. So a write is known to be complete as soon as it is there, however the rest of the ingest ends.
    """
    for item in found:
        if isinstance(item, FileRefused):
            yield item
            continue
        digest = hashlib.sha256(item.data).hexdigest()
        mark = {"folder": item.id.partition("/")[0], "sha256": digest, **options}
        metadata = {**item.metadata, SYNC: mark}
        yield FileSkipped(item.id) if known.get(item.id) == metadata else replace(item, metadata=metadata)


def grouped(
    items: Iterable[Upload | FileRefused | FileSkipped],
) -> Iterator[tuple[list[FileRefused | FileSkipped], list[Upload]]]:
    """What needs no call, and what the next call takes."""
    told: list[FileRefused | FileSkipped] = []
    group: list[Upload] = []
    size = 0
    for item in items:
        if not isinstance(item, Upload):
            told.append(item)
        else:
            if group and size + len(item.data) > GROUP_BYTES:
                yield told, group
                told, group, size = [], [], 0
            group.append(item)
            size += len(item.data)
        if len(group) + len(told) >= GROUP_FILES:
            yield told, group
            told, group, size = [], [], 0
    yield told, group


def added(total: FilesFinished, event: Outcome) -> FilesFinished:
    """The totals with one more event."""
    match event:
        case FileStored():
            new = not event.unchanged
            return replace(
                total,
                stored_count=total.stored_count + 1,
                chunk_count=total.chunk_count + new * event.chunk_count,
                last_lsn=max(total.last_lsn, new * event.lsn),
            )
        case FileRefused():
            return replace(total, refused_count=total.refused_count + 1)
        case FileSkipped():
            return replace(total, skipped_count=total.skipped_count + 1)
        case FileRemoved():
            return replace(total, removed_count=total.removed_count + 1)
