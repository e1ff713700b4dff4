"""Which sequences run next: pure and synchronous, with neither torch, asyncio nor a clock of its own.

Continuous batching after Orca (Yu et al., OSDI 2022): rows join and leave the running batch between steps.
A row is admitted only when its whole length, prompt and answer, fits the token limit, so no row that runs
is ever taken out again. Order is priority, then arrival; a row that does not fit holds back those behind
it, so nothing starves at equal priority.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A sequence that waits: its tokens, a priority (higher first) and a deadline in seconds, if any."""

    key: Key
    prompt_tokens: int
    max_tokens: int
    priority: int = 0
    deadline: float | None = None

    @property
    def reserved(self) -> int:
        """Tokens that the sequence may come to hold."""
        return self.prompt_tokens + self.max_tokens


@dataclass(frozen=True, slots=True)
class Limits:
    """Sequences and tokens in the running batch, and prompt tokens read in one step (by at least one row)."""

    max_batch_size: int
    max_batch_tokens: int
    max_prefill_tokens: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Rows that join now, and rows whose deadline passed while they waited."""

    admitted: tuple[Key, ...]
    expired: tuple[Key, ...]


class Scheduler:
    """The waiting queue and the running batch's book."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._heap: list[tuple[int, int, Key]] = []  # (-priority, arrival, key)
        self._waiting: dict[Key, Entry] = {}
        self._running: dict[Key, Entry] = {}
        self._arrivals = 0

    @property
    def waiting(self) -> int:
        """Sequences that wait."""
        return len(self._waiting)

    @property
    def running(self) -> tuple[Key, ...]:
        """Sequences in the batch, in the order they joined."""
        return tuple(self._running)

    @property
    def reserved_tokens(self) -> int:
        """Tokens that the running sequences may come to hold."""
        return sum(entry.reserved for entry in self._running.values())

    def add(self, entry: Entry) -> None:
        """Queue a sequence. ValueError when it could never run or its key is taken."""
        if entry.reserved > self._limits.max_batch_tokens:
            raise ValueError(f"{entry.reserved} tokens exceed the batch's {self._limits.max_batch_tokens}")
        if entry.key in self._waiting or entry.key in self._running:
            raise ValueError(f"{entry.key} is already scheduled")
        self._waiting[entry.key] = entry
        heappush(self._heap, (-entry.priority, self._arrivals, entry.key))
        self._arrivals += 1

    def remove(self, keys: Iterable[Key]) -> None:
        """Forget sequences that ended or were cancelled, waiting or running; unknown keys are ignored."""
        for key in keys:
            self._waiting.pop(key, None)
            self._running.pop(key, None)

    def schedule(self, now: float) -> Decision:
        """Drop what expired by now (seconds), then admit what fits, best first."""
        expired = tuple(
            key
            for key, entry in self._waiting.items()
            if entry.deadline is not None and entry.deadline <= now
        )
        self.remove(expired)
        admitted: list[Key] = []
        tokens, prefill = self.reserved_tokens, 0
        while (entry := self._head()) is not None and len(self._running) < self._limits.max_batch_size:
            tokens += entry.reserved
            prefill += entry.prompt_tokens
            if tokens > self._limits.max_batch_tokens:
                break
            if admitted and prefill > self._limits.max_prefill_tokens:
                break
            heappop(self._heap)
            self._running[entry.key] = self._waiting.pop(entry.key)
            admitted.append(entry.key)
        return Decision(tuple(admitted), expired)

    def _head(self) -> Entry | None:
        # Removed entries leave their mark in the heap until it is their turn or they are the majority.
        if len(self._heap) > 2 * len(self._waiting) + 16:
            self._heap = [mark for mark in self._heap if mark[2] in self._waiting]
            heapify(self._heap)
        while self._heap:
            if (entry := self._waiting.get(self._heap[0][2])) is not None:
                return entry
            heappop(self._heap)
        return None
