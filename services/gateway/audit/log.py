"""The audit log: one JSON object a line.

Written by a thread of its own, so that a slow disk holds no call up. What cannot be written is counted.
"""

import contextlib
import json
import logging
import os
import queue
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, WatchedFileHandler
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter
from serving.call import Principal

_MOST_WAITING = 10_000
_MOST_CHARACTERS = 256  # of what callers choose themselves


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that ended. `outcome` is gRPC's code or HTTP's status; a caller that was not let in has no principal."""

    door: str
    method: str
    request_id: str
    principal: Principal | None
    peer: str
    outcome: str
    tokens: int
    seconds: float


class Audit(Protocol):
    """Where entries go."""

    def write(self, entry: Entry) -> None:
        """Note a call; returns at once."""
        ...

    def close(self) -> None:
        """Write what waits."""
        ...


class NoAudit:
    """Nothing is noted."""

    def write(self, entry: Entry) -> None:
        """Note nothing."""

    def close(self) -> None:
        """Nothing to do."""


class AuditLog:
    """Appends to a file, which may be moved away at any time: a new one is begun then."""

    def __init__(self, path: Path, registry: CollectorRegistry, most_waiting: int = _MOST_WAITING) -> None:
        """Raises OSError when the file cannot be written."""
        lost = Counter(
            "quadrille_gateway_audit_lost_total", "Audit entries that could not be written", registry=registry
        )
        waiting: queue.Queue[logging.LogRecord] = queue.Queue(most_waiting)
        self._entries = _Waiting(waiting, lost)
        self._writer = QueueListener(waiting, _File(path, lost))
        self._writer.start()

    def write(self, entry: Entry) -> None:
        """Note a call; returns at once."""
        self._entries.handle(logging.makeLogRecord({"msg": _line(entry, datetime.now(UTC))}))

    def close(self) -> None:
        """Write what waits."""
        self._writer.stop()
        for handler in self._writer.handlers:
            with contextlib.suppress(OSError):  # what could not be written has been counted
                handler.close()


class _Waiting(QueueHandler):
    def __init__(self, waiting: "queue.Queue[logging.LogRecord]", lost: Counter) -> None:
        super().__init__(waiting)
        self._lost = lost

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self._lost.inc()


class _File(WatchedFileHandler):
    def __init__(self, path: Path, lost: Counter) -> None:
        self._lost = lost
        super().__init__(path, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        opener = partial(os.open, mode=0o600)
        return open(self.baseFilename, "a", encoding="utf-8", opener=opener)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        self._lost.inc()


def _line(entry: Entry, now: datetime) -> str:
    principal = entry.principal
    fields = {
        "time": now.isoformat(timespec="milliseconds"),
        "door": entry.door,
        "method": entry.method[:_MOST_CHARACTERS],
        "request_id": entry.request_id,
        "principal": None if principal is None else principal.name,
        "tenant": None if principal is None else principal.tenant,
        "peer": entry.peer,
        "outcome": entry.outcome,
        "tokens": entry.tokens,
        "seconds": round(entry.seconds, 4),
    }
    return json.dumps(fields, ensure_ascii=False)
