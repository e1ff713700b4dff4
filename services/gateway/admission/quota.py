"""Tokens used today, by key and by tenant, and the file that remembers them over a restart."""

import asyncio
import json
import os
import threading
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

log = structlog.get_logger(__name__)


class DayUse(BaseModel):
    """Tokens by whom, on one day."""

    model_config = ConfigDict(extra="forbid")

    day: int  # ordinal of a date of UTC
    tokens: dict[str, NonNegativeInt]


class Quotas:
    """Counts from nothing each day. Only those are counted who have a quota, so the table is as long as their list."""

    def __init__(self, use: DayUse | None = None) -> None:
        self._use = use or DayUse(day=0, tokens={})
        self.changed = False

    def used(self, who: str, day: int) -> int:
        """Tokens that somebody has used on this day."""
        return self._use.tokens.get(who, 0) if day == self._use.day else 0

    def add(self, who: str, tokens: int, day: int) -> None:
        """Count tokens, or give them back with a negative number; what was taken yesterday is not given back today."""
        if day > self._use.day:
            self._use = DayUse(day=day, tokens={})
        if day == self._use.day:
            self._use.tokens[who] = max(0, self._use.tokens.get(who, 0) + tokens)
            self.changed = True

    def state(self) -> DayUse:
        """A copy, to be saved; what changes from now on is told by `changed`."""
        self.changed = False
        return self._use.model_copy(deep=True)


def load_quotas(path: Path | None) -> Quotas:
    """What the file remembers; nothing when there is none. Raises ValueError for one that is damaged."""
    if path is None or not path.exists():
        return Quotas()
    try:
        return Quotas(DayUse.model_validate_json(path.read_bytes()))
    except (OSError, ValidationError) as error:
        raise ValueError(f"{path} holds no quotas: move it away to count from nothing") from error


def save_quotas(path: Path, use: DayUse) -> None:
    """Replace the file as a whole."""
    beside = path.with_name(path.name + ".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with beside.open("w") as file:
        json.dump(use.model_dump(), file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class QuotaKeeper:
    """Saves quotas every few seconds while they change, and when the gateway ends."""

    def __init__(self, quotas: Quotas, path: Path | None, every_s: float = 5.0) -> None:
        self._quotas = quotas
        self._path = path
        self._every_s = every_s
        self._writing = threading.Lock()  # a thread writes on when whoever waits for it is cancelled

    async def run(self) -> None:
        """Save forever."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.save()

    async def save(self) -> None:
        """Save now what has changed; a file that cannot be written is told, and tried again."""
        if self._path is None or not self._quotas.changed:
            return
        try:
            await asyncio.to_thread(self._write, self._path, self._quotas.state())
        except OSError as error:
            self._quotas.changed = True
            log.error("quotas_not_saved", problem=str(error))

    def _write(self, path: Path, use: DayUse) -> None:
        with self._writing:
            save_quotas(path, use)
