"""What was acknowledged, and what was on its way and may be there or not. Pure."""

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class State:
    """A document as it should be found; `generation` None: it does not exist."""

    generation: int | None = None
    version: int = 0
    lsn: int = 0


ABSENT = State()


@dataclass(frozen=True, slots=True)
class _Pending:
    generation: int | None
    call: int


class Ledger:
    """One write per document is on its way at most, so that after a crash there are two states it may have."""

    def __init__(self) -> None:
        self.acknowledged_count = 0
        self.last_lsn = 0  # the highest acknowledged
        self._states: dict[str, State] = {}
        self._pending: dict[str, _Pending] = {}
        self._touched: set[str] = set()
        self._generations: dict[str, int] = defaultdict(int)
        self._floor = 0  # numbers up to this one were given out before the last restart
        self._calls = 0

    def copy(self) -> Self:
        """The ledger as it stands."""
        return copy.deepcopy(self)

    def free(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that no write is on its way for."""
        return [key for key in keys if key not in self._pending]

    def state(self, key: str) -> State:
        """What was acknowledged last."""
        return self._states.get(key, ABSENT)

    def alive(self) -> dict[str, int]:
        """Generations of the documents that exist, by key."""
        found = ((key, state.generation) for key, state in self._states.items())
        return {key: generation for key, generation in found if generation is not None}

    def next_generation(self, key: str) -> int:
        """One that was never sent: what a killed server got to see does not come again."""
        self._generations[key] += 1
        return self._generations[key]

    def touched(self) -> set[str]:
        """Keys written, or on their way, since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def send(self, writes: Mapping[str, int | None]) -> None:
        """A call that writes these generations (None deletes), all or none, is about to be made."""
        self._calls += 1
        for key, generation in writes.items():
            if key in self._pending:
                raise ValueError(f"{key} is on its way already")
            self._pending[key] = _Pending(generation, self._calls)
            self._touched.add(key)

    def acknowledge(self, key: str, version: int = 0, lsn: int | None = None) -> list[str]:
        """The write of this key is durable; `lsn` None when the answer tells none. Returns what is wrong."""
        generation, before = self._pending.pop(key).generation, self.state(key)
        wrong = []
        if generation is not None and version != before.version + 1:
            wrong.append(f"{key}: version {version} was acknowledged after {before.version}")
        if lsn is not None and lsn <= self._floor:
            wrong.append(f"{key}: LSN {lsn} was given out before: the last one found was {self._floor}")
        self._states[key] = ABSENT if generation is None else State(generation, version, lsn or 0)
        self.last_lsn = max(self.last_lsn, lsn or 0)
        self.acknowledged_count += 1
        return wrong

    def refuse(self, key: str) -> None:
        """The server said that it did not write this key."""
        del self._pending[key]

    def settle(self, found: Mapping[str, State], last_lsn: int) -> list[str]:
        """Compare with what is there after a restart, and go on from it. Returns what is wrong."""
        wrong = []
        written: dict[int, set[int]] = defaultdict(set)  # by call: LSNs of its documents, 0 where not written
        if last_lsn < self.last_lsn:
            wrong.append(f"LSN {self.last_lsn} was acknowledged, the store's last is {last_lsn}")
        for key in {*self._states, *self._pending, *found}:
            there, before = found.get(key, ABSENT), self.state(key)
            pending = self._pending.get(key)
            if pending is None:
                if there != before:
                    wrong.append(f"{key}: acknowledged as {before}, found as {there}")
            elif there == before:
                if there.generation != pending.generation:  # deleting what is not there leaves no trace
                    written[pending.call].add(0)
            elif _is_applied(pending, before, there):
                written[pending.call].add(there.lsn or -1)  # a deletion leaves no number
            else:
                wrong.append(f"{key}: acknowledged as {before}, on its way as {pending}, found as {there}")
            self._states[key] = there
        wrong += [f"call {call} was written in part" for call, lsns in written.items() if len(lsns) > 1]
        self._pending.clear()
        self._floor = self.last_lsn = last_lsn
        return wrong


def _is_applied(pending: _Pending, before: State, there: State) -> bool:
    if pending.generation is None:
        return there == ABSENT
    same = (there.generation, there.version) == (pending.generation, before.version + 1)
    return same and there.lsn > before.lsn
