"""One named request: what it said so far, who follows it, and the task that does the work."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from gateway.streams.replay import Replay


@dataclass(slots=True, eq=False)
class Reader:
    """Who follows; `taken` is the number of the last item that left for the client."""

    taken: int


@dataclass(slots=True, eq=False)
class Record:
    """State of a named request; on the event loop only."""

    fingerprint: bytes  # of what was asked
    replay: Replay[Any] = field(default_factory=Replay)
    readers: set[Reader] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    error: Exception | None = None
    ended_at: float | None = None  # None while the work goes on
    dropped: bool = False  # no longer found by its name
    parting: asyncio.TimerHandle | None = None  # ends the work unless somebody comes back before

    @property
    def taken_by_all(self) -> int:
        """Number up to which every reader has taken the items; 0 while nobody reads."""
        return min((reader.taken for reader in self.readers), default=0)

    def stay(self) -> None:
        """Whatever would have ended the work does not."""
        if self.parting is not None:
            self.parting.cancel()
            self.parting = None

    def tell(self) -> None:
        """Wake the readers."""
        self.news.set()
        self.news = asyncio.Event()  # the readers' own stays set: none of them can miss it

    def end(self, now: float, error: Exception | None) -> None:
        """Nothing more will come."""
        self.ended_at, self.error = now, error
        self.stay()
        self.tell()
