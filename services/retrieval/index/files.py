"""Sealed segments on disk: two files each, the ids and the index. One exists once the store's manifest names it."""

import hashlib
import os
import uuid
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import structlog
from serving.errors import Unavailable

from retrieval import failpoints
from retrieval.domain import CollectionSpec, Ids, SegmentRecord
from retrieval.durable import make_private_directory, sync_directory, sync_file
from retrieval.index.base import Elsewhere, Sealed, SegmentKind
from retrieval.index.segment import Segment

log = structlog.get_logger(__name__)

_PARTS = ("ids", "index")
_PARTIAL = ".partial"
_QUARANTINE = "quarantine"
# Damaged files are kept for a look at them, but must not fill the disk.
_MAX_QUARANTINED = 8


class DamagedSegmentError(Exception):
    """The files are not what the manifest says."""


class SegmentFiles:
    """A directory of `<token>.ids` and `<token>.index`. Tokens are never used again.

    `elsewhere` is where segments lie whose index files only tell where they are.
    """

    def __init__(self, directory: Path, elsewhere: Elsewhere | None = None) -> None:
        self._directory = directory
        self._elsewhere = elsewhere
        make_private_directory(directory)
        make_private_directory(directory / _QUARANTINE)

    def write(self, collection: int, spec: CollectionSpec, ids: Ids, sealed: Sealed) -> SegmentRecord:
        """Write a segment durably; raises OSError, and leaves nothing then."""
        token = uuid.uuid4().hex
        partials = [self._directory / f"{token}.{part}{_PARTIAL}" for part in _PARTS]
        try:
            partials[0].write_bytes(ids.astype("<i8").tobytes())
            sealed.write(partials[1])
            for partial in partials:
                partial.chmod(0o600)
                failpoints.hit("segment.before_fsync")
                sync_file(partial)
            sha256, size = _measure(partials)
            for partial in partials:
                failpoints.hit("segment.before_rename")
                partial.rename(partial.with_suffix(""))
            failpoints.hit("segment.after_rename")
            sync_directory(self._directory)
        except BaseException:
            if self._elsewhere:
                self._elsewhere.drop(partials[1])
            for partial in partials:
                partial.unlink(missing_ok=True)
            self.remove([token])
            raise
        return SegmentRecord(
            token, collection, spec.index, len(ids), spec.dimension, spec.embedding_model, sha256, size
        )

    def load(self, record: SegmentRecord, spec: CollectionSpec, kind: SegmentKind) -> Segment:
        """Read a segment after checking every byte; raises DamagedSegmentError, and Unavailable as `kind` does."""
        self.check(record, spec)
        paths = self._paths(record.token)
        try:
            ids = np.fromfile(paths[0], dtype="<i8").astype(np.int64)
            sealed = kind.read(paths[1])
        except Unavailable:  # where it lies does not answer: nothing is known against it
            raise
        # The checksum was right, so this is a file of a program that saw things otherwise, or a failing disk.
        except Exception as error:
            raise DamagedSegmentError(f"cannot be read: {error}") from error
        if not (len(ids) == sealed.ntotal == record.count and sealed.dimension == spec.dimension):
            raise DamagedSegmentError(
                f"holds {len(ids)} ids and {sealed.ntotal} vectors of dimension {sealed.dimension}"
            )
        if (np.diff(ids) <= 0).any():
            raise DamagedSegmentError("its ids do not ascend")
        return Segment(record, ids, sealed, spec.metric)

    def check(self, record: SegmentRecord, spec: CollectionSpec) -> None:
        """Raise DamagedSegmentError unless the files are those that were written for such a collection."""
        if (record.kind, record.dimension, record.embedding_model) != (
            spec.index,
            spec.dimension,
            spec.embedding_model,
        ):
            raise DamagedSegmentError("is of another kind, dimension or embedding model than its collection")
        try:
            sha256, size = _measure(self._paths(record.token))
        except OSError as error:
            raise DamagedSegmentError(f"cannot be read: {error}") from error
        if (sha256, size) != (record.sha256, record.size_bytes):
            raise DamagedSegmentError("its SHA-256 is not the one noted when it was written")

    def quarantine(self, token: str) -> None:
        """Put a segment's files aside. The oldest of what lies there goes."""
        aside = self._directory / _QUARANTINE
        try:
            for path in self._paths(token):
                if path.exists():
                    path.replace(aside / path.name)
                    os.utime(aside / path.name)
            sync_directory(self._directory)
            kept = sorted(aside.iterdir(), key=lambda path: path.stat().st_mtime_ns)
            for path in kept[:-_MAX_QUARANTINED]:
                path.unlink()
        except OSError as error:  # it is rebuilt all the same, and looked at again at the next start
            log.warning("segment_not_quarantined", token=token, error=repr(error))

    def remove(self, tokens: Iterable[str]) -> None:
        """Remove segments' files and give their space back; a failure leaves them to the next `sweep`."""
        for path in (path for token in tokens for path in self._paths(token)):
            if self._elsewhere and path.suffix == f".{_PARTS[1]}":
                self._elsewhere.drop(path)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("segment_not_removed", path=path.name, error=repr(error))

    def sweep(self, known: Collection[str]) -> None:
        """Remove what no manifest names: the files of segments that were never published, or were replaced."""
        found = {path.name.split(".")[0] for path in self._directory.iterdir() if path.is_file()}
        self.remove(found - set(known))
        for partial in self._directory.glob(f"*{_PARTIAL}"):
            partial.unlink(missing_ok=True)
        if self._elsewhere:
            self._elsewhere.sweep([self._paths(token)[1] for token in known])

    def _paths(self, token: str) -> list[Path]:
        return [self._directory / f"{token}.{part}" for part in _PARTS]


def _measure(paths: Iterable[Path]) -> tuple[str, int]:
    """Return the SHA-256 of files, one after the other, and their bytes."""
    digest, size = hashlib.sha256(), 0
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
            size += file.tell()
    return digest.hexdigest(), size
