"""Reads the key file again when it has changed, while the server runs."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from serving.keys import KeyFile, read_keys

log = structlog.get_logger(__name__)
LOOK_EVERY_S = 1.0


class KeyWatch:
    """Looks at the file at most once a second, when it is asked; a file that cannot be read changes nothing."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._seen = self._signature()
        self._looked_at = clock()
        self._problem: str | None = None
        self.first = read_keys(path)

    def changed(self) -> KeyFile | None:
        """The file as it is now, once after each change; otherwise None."""
        now = self._clock()
        if now - self._looked_at < LOOK_EVERY_S:
            return None
        self._looked_at = now
        signature = self._signature()
        if signature == self._seen:
            return None
        try:
            content = read_keys(self._path)
        except (
            ValueError
        ) as error:  # tried again, since not all that keeps a file from being read changes the file
            if self._problem != (problem := str(error)):
                log.error("keys_not_read_again", problem=problem)
                self._problem = problem
            return None
        self._seen, self._problem = signature, None
        log.info("keys_read_again", keys=len(content.keys))
        return content

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
