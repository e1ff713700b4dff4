"""Files and directories that are private to the user and survive a power cut."""

import os
from pathlib import Path

from retrieval import failpoints


def make_private_directory(path: Path) -> None:
    """Make a directory that only this user may enter, or make an existing one so."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)


def make_private_file(path: Path) -> None:
    """Make an empty file that only this user may read; SQLite gives its log the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable."""
    failpoints.hit("directory.before_fsync")
    _sync(path, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    failpoints.hit("file.before_fsync")
    _sync(path)


def _sync(path: Path, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
