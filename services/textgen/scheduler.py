"""What runs next: pure and synchronous, with neither torch, asyncio nor a clock of its own.

Continuous batching after Orca (Yu et al., OSDI 2022) over a cache of blocks: in each step, running sequences go on
by a token, then prompts are read in chunks, as far as the step's tokens go (Sarathi-Serve, Agrawal et al., 2024,
arXiv:2403.02310). Who has the highest priority, then who came first, stands first. When blocks run out, the one who
stands last gives its blocks back and is computed again later; the first can always go on, so nothing starves at
equal priority.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from serving.loras import Adapter

from textgen.kv_blocks import BLOCK_TOKENS, BlockPool, digest
from textgen.speculation import PromptLookup

Key = tuple[int, int]
SCORED_TOKENS = 256  # of prompts in a step: each takes a row of logits, as wide as the vocabulary
SPECULATE_BELOW = 8  # sequences: in a larger batch a token more costs as much as it may save


@dataclass(frozen=True, slots=True)
class Entry:
    """A sequence that waits: its prompt, a priority (higher first) and a deadline in seconds, if any.

    `fork` is a sequence with the same prompt, whose blocks it shares; only prefixes under the same adapter are shared.
    Of a `scored` one the prompt's log-probabilities are wanted, so all of it is computed, in spans that say so.
    """

    key: Key
    prompt: Sequence[int]
    max_tokens: int
    priority: int = 0
    deadline: float | None = None
    fork: Key | None = None
    speculative: bool = False
    scored: bool = False
    adapter: Adapter | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Sequences in the running batch, tokens that the cache holds, and tokens that one step computes."""

    max_batch_size: int
    max_batch_tokens: int
    max_prefill_tokens: int

    @property
    def blocks(self) -> int:
        """Blocks of the cache."""
        return -(-self.max_batch_tokens // BLOCK_TOKENS)


class Span(NamedTuple):  # many a step, and in half the time of a dataclass
    """What a step computes of one sequence: tokens from position `start` on, over its block table.

    When `chooses`, the step chooses the next token; the last `drafts` tokens are guesses at what it will be.
    `scored` are the prompt's tokens after each of the span's first ones, when their log-probabilities are wanted.
    """

    key: Key
    tokens: Sequence[int]
    start: int
    blocks: Sequence[int]
    chooses: bool
    drafts: int = 0
    scored: Sequence[int] = ()
    adapter: Adapter | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A step. Blocks are copied, from and to, before anything is computed."""

    expired: tuple[Key, ...] = ()
    joined: tuple[Key, ...] = ()  # the first time, so not those that come back
    preempted: tuple[Key, ...] = ()
    copies: tuple[tuple[int, int], ...] = ()
    spans: tuple[Span, ...] = ()
    looked_up: int = 0  # tokens of newcomers, and those of them whose keys and values were there already
    found: int = 0


@dataclass(slots=True)
class _Row:
    entry: Entry
    standing: tuple[int, int]  # lowest first
    tokens: list[int]  # the prompt and what was chosen
    computed: int = 0  # of them, in the cache
    blocks: list[int] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)  # of the full blocks
    begun: bool = False
    lookup: PromptLookup | None = None
    scoring: bool = False  # whether log-probabilities of its prompt are still to come

    @property
    def pending(self) -> int:
        return len(self.tokens) - self.computed

    @property
    def left(self) -> int:
        """Tokens that it may still choose."""
        return self.entry.max_tokens - (len(self.tokens) - len(self.entry.prompt))

    def name(self, index: int) -> bytes:
        """Of a full block; `names` has those before it."""
        if index:
            before = self.names[index - 1]
        else:
            before = b"" if self.entry.adapter is None else bytes.fromhex(self.entry.adapter.sha256)
        return digest(before, self.tokens[index * BLOCK_TOKENS : (index + 1) * BLOCK_TOKENS])


class Scheduler:
    """The waiting queue, the running batch, and the blocks that it holds."""

    def __init__(self, limits: Limits, *, prefix_caching: bool = True) -> None:
        self._limits = limits
        self._prefix_caching = prefix_caching
        self.pool = BlockPool(limits.blocks)
        self._heap: list[tuple[int, int, Key]] = []
        self._waiting: dict[Key, _Row] = {}
        self._running: dict[Key, _Row] = {}
        self._arrivals = 0

    def renewed(self) -> "Scheduler":
        """One with the same limits, in which nothing waits, runs or is remembered."""
        return Scheduler(self._limits, prefix_caching=self._prefix_caching)

    @property
    def waiting(self) -> int:
        """Sequences that wait."""
        return len(self._waiting)

    @property
    def running(self) -> tuple[Key, ...]:
        """Sequences in the batch, in the order they joined."""
        return tuple(self._running)

    def add(self, entry: Entry) -> None:
        """Queue a sequence. ValueError when it could never run or its key is taken."""
        if not entry.prompt:
            raise ValueError(f"{entry.key} has no prompt")
        # The last token that is chosen is never computed.
        if (tokens := len(entry.prompt) + entry.max_tokens - 1) > self.pool.count * BLOCK_TOKENS:
            raise ValueError(f"{tokens} tokens exceed the cache's {self.pool.count * BLOCK_TOKENS}")
        if entry.key in self._waiting or entry.key in self._running:
            raise ValueError(f"{entry.key} is already scheduled")
        lookup = PromptLookup() if entry.speculative else None
        scoring = entry.scored and len(entry.prompt) > 1
        standing = (-entry.priority, self._arrivals)
        self._queue(_Row(entry, standing, list(entry.prompt), lookup=lookup, scoring=scoring))
        self._arrivals += 1

    def remove(self, keys: Iterable[Key]) -> None:
        """Forget sequences that ended or were cancelled, waiting or running; unknown keys are ignored."""
        for key in keys:
            self._waiting.pop(key, None)
            if (row := self._running.pop(key, None)) is not None:
                self.pool.release(row.blocks)

    def plan(self, now: float) -> Plan:
        """Drop what expired by now (seconds), go on with what runs, then admit what fits, best first."""
        expired = tuple(
            key
            for key, row in self._waiting.items()
            if not row.begun and row.entry.deadline is not None and row.entry.deadline <= now
        )
        self.remove(expired)
        step = _Step(max(self._limits.max_prefill_tokens, self._limits.max_batch_size))
        for row in sorted(self._running.values(), key=lambda row: (row.pending != 1, row.standing)):
            if row.entry.key in self._running:  # not preempted meanwhile
                self._go_on(row, step)
        if not step.preempted:
            self._admit(step)
        return Plan(
            expired,
            tuple(step.joined),
            tuple(step.preempted),
            tuple(step.copies),
            tuple(step.spans.values()),
            step.looked_up,
            step.found,
        )

    def complete(self, span: Span, chosen: Sequence[int]) -> None:
        """A span was computed, and these tokens were chosen; a sequence that is gone is ignored."""
        if (row := self._running.get(span.key)) is None:
            return
        kept = max(0, len(chosen) - 1)  # of the drafts; what was computed of the others is written over
        row.computed = span.start + len(span.tokens) - span.drafts + kept
        row.tokens += chosen
        row.scoring = row.scoring and row.computed < len(row.entry.prompt) - 1
        if row.lookup is not None and span.drafts:
            row.lookup.heard(kept=kept)
        if self._prefix_caching:
            for index in range(len(row.names), row.computed // BLOCK_TOKENS):
                row.names.append(row.name(index))
                self.pool.seal(row.blocks[index], row.names[-1])

    def _queue(self, row: _Row) -> None:
        self._waiting[row.entry.key] = row
        heappush(self._heap, (*row.standing, row.entry.key))
        # Removed entries leave their mark in the heap until it is their turn or they are the majority.
        if len(self._heap) > 2 * len(self._waiting) + 16:
            self._heap = [mark for mark in self._heap if mark[2] in self._waiting]
            heapify(self._heap)

    def _preempt(self, row: _Row) -> None:
        """Take a row's blocks and let it wait; it is computed again from what is known."""
        del self._running[row.entry.key]
        self.pool.release(row.blocks)
        row.blocks, row.names, row.computed = [], [], 0
        self._queue(row)

    def _go_on(self, row: _Row, step: "_Step") -> None:
        count = min(row.pending, step.budget)
        if row.scoring:
            count = min(count, step.scorable)
        if count == 0:
            return
        while not self._reserve(row, row.computed + count):
            victim = max(self._running.values(), key=lambda row: row.standing)
            step.take_back(victim.entry.key)
            step.preempted.append(victim.entry.key)
            self._preempt(victim)
            if victim is row:
                return
        step.add(self._span(row, count, step.budget))

    def _span(self, row: _Row, count: int, budget: int) -> Span:
        end = row.computed + count
        drafts: list[int] = []
        if row.lookup is not None and len(self._running) <= SPECULATE_BELOW and count == row.pending == 1:
            most = min(row.left - 1, budget - count)
            drafts = row.lookup.drafts(row.tokens, most) if most > 0 else []
            while drafts and not self._reserve(row, end + len(drafts), spare=len(self._running)):
                drafts.pop()
        return Span(
            row.entry.key,
            [*row.tokens[row.computed : end], *drafts],
            row.computed,
            tuple(row.blocks),
            chooses=end == len(row.tokens),
            drafts=len(drafts),
            scored=row.entry.prompt[row.computed + 1 : end + 1] if row.scoring else (),
            adapter=row.entry.adapter,
        )

    def _reserve(self, row: _Row, tokens: int, *, spare: int = 0) -> bool:
        """Whether the row now has blocks for so many tokens, with `spare` ones left for others."""
        wanted = -(-tokens // BLOCK_TOKENS) - len(row.blocks)
        if wanted <= 0:
            return True
        if self.pool.available < wanted + spare:
            return False
        row.blocks += [self.pool.take() for _ in range(wanted)]
        return True

    def _admit(self, step: "_Step") -> None:
        held_back: list[_Row] = []
        while step.budget and len(self._running) < self._limits.max_batch_size:
            if (row := self._head()) is None:
                break
            origin = self._running.get(row.entry.fork) if row.entry.fork and self._prefix_caching else None
            if origin is not None and origin.computed < len(row.entry.prompt):
                held_back.append(self._waiting.pop(row.entry.key))  # what it will share is being computed
                heappop(self._heap)
                continue
            if not self._begin(row, origin, step):
                break
            heappop(self._heap)
        for row in held_back:
            self._queue(row)

    def _begin(self, row: _Row, origin: _Row | None, step: "_Step") -> bool:
        """Admit a row, unless blocks are wanting for all that is known of it, and one more for each who runs."""
        row.blocks, row.computed = self._shared(row, origin)
        if row.computed % BLOCK_TOKENS and not self._has_room(row, 1):
            self.pool.release(row.blocks[-1:])
            row.computed -= row.computed % BLOCK_TOKENS
            row.blocks, row.names = row.blocks[:-1], row.names[: row.computed // BLOCK_TOKENS]
        copied = row.computed % BLOCK_TOKENS != 0
        if not self._has_room(row, copied):
            self.pool.release(row.blocks)
            row.blocks, row.names, row.computed = [], [], 0
            return False
        if copied:  # the next token is written into the block: it must be the row's own
            mine = self.pool.take()
            step.copies.append((row.blocks[-1], mine))
            self.pool.release(row.blocks[-1:])
            row.blocks[-1] = mine
        step.looked_up += 0 if row.scoring else len(row.tokens)
        step.found += row.computed
        del self._waiting[row.entry.key]
        self._running[row.entry.key] = row
        if not row.begun:
            row.begun = True
            step.joined.append(row.entry.key)
        self._go_on(row, step)
        return True

    def _has_room(self, row: _Row, copied: int) -> bool:
        wanted = -(-len(row.tokens) // BLOCK_TOKENS) - len(row.blocks) + copied
        return self.pool.available >= wanted + len(self._running)

    def _shared(self, row: _Row, origin: _Row | None) -> tuple[list[int], int]:
        """Blocks that hold the row's first tokens, now held by it too, and how many tokens that is.

        The last token is never among them: it is computed, so that the next one can be chosen.
        """
        if origin is not None and not row.begun:
            computed = len(row.entry.prompt) - 1
            blocks = origin.blocks[: -(-computed // BLOCK_TOKENS)]
            row.names = origin.names[: computed // BLOCK_TOKENS]
        else:
            blocks, row.names = [], []
            known = self._prefix_caching and not row.scoring
            while known and (len(blocks) + 1) * BLOCK_TOKENS <= len(row.tokens):
                name = row.name(len(blocks))
                if (block := self.pool.find(name)) is None:
                    break
                blocks.append(block)
                row.names.append(name)
            computed = min(len(blocks) * BLOCK_TOKENS, len(row.tokens) - 1)
            row.names = row.names[: computed // BLOCK_TOKENS]
        for block in blocks:
            self.pool.share(block)
        return blocks, computed

    def _head(self) -> _Row | None:
        while self._heap:
            if (row := self._waiting.get(self._heap[0][2])) is not None:
                return row
            heappop(self._heap)
        return None


@dataclass(slots=True)
class _Step:
    """A plan in the making."""

    budget: int  # tokens that may still be computed
    scorable: int = SCORED_TOKENS  # and, of those, scored
    spans: dict[Key, Span] = field(default_factory=dict)
    joined: list[Key] = field(default_factory=list)
    preempted: list[Key] = field(default_factory=list)
    copies: list[tuple[int, int]] = field(default_factory=list)
    looked_up: int = 0
    found: int = 0

    def add(self, span: Span) -> None:
        self.spans[span.key] = span
        self.budget -= len(span.tokens)
        self.scorable -= len(span.scored)

    def take_back(self, key: Key) -> None:
        if (span := self.spans.pop(key, None)) is not None:
            self.budget += len(span.tokens)
            self.scorable += len(span.scored)
