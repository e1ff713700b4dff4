"""One process per store: a lock on a file, let go by the system however the process ends."""

import fcntl
import os
from pathlib import Path

from serving.errors import FailedPrecondition


class ProcessLock:
    """Held from construction to `release`; raises FailedPrecondition when another process holds it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise FailedPrecondition(
                "STORE_IN_USE", f"another retrieval server is using {path.parent}: stop it, or set data_dir"
            ) from None

    def release(self) -> None:
        """Let another process have the store."""
        os.close(self._descriptor)
