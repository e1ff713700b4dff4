"""When the server is killed, and what it is doing then. Pure."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Action = Literal["write", "snapshot", "restore", "compact", "repair"]

# What brings a server to a failpoint, by the first part of its name; clients write all the while.
_REACHED_BY: dict[str, Action] = {
    "migrate": "write",
    "directory": "write",
    "write": "write",
    "segment": "write",
    "rebuild": "repair",
    "restore": "restore",
    "compact": "compact",
    "snapshot": "snapshot",
    "file": "snapshot",
}
_ONLY_AT_FIRST = {"migrate.before_commit"}  # with no database yet
_ALONGSIDE: dict[Action, int] = {"write": 8, "snapshot": 2, "compact": 2, "repair": 2, "restore": 1}
_EARLY = 0.1  # share of the moments that lie within the start


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: at a failpoint, or `after_s` seconds after the start or, unless `early`, after the checks."""

    action: Action
    failpoint: str = ""
    after_s: float = 0.0
    early: bool = False


def kills(names: frozenset[str], count: int, longest_s: float, source: random.Random) -> Iterator[Kill]:
    """Every second kill is at a failpoint, each in its turn and at one of its first passes."""
    ordered = sorted(names - _ONLY_AT_FIRST)
    source.shuffle(ordered)
    turns = itertools.cycle(ordered)
    for number in range(count):
        if number == 0 and names >= _ONLY_AT_FIRST:
            [name] = _ONLY_AT_FIRST
            yield Kill("write", f"{name}=kill")
        elif number % 2 == 0:
            name = next(turns)
            action = _REACHED_BY[name.partition(".")[0]]
            yield Kill(action, f"{name}=kill@{_passes(name, source)}")
        else:
            [action] = source.choices(list(_ALONGSIDE), list(_ALONGSIDE.values()))
            early = source.random() < _EARLY
            yield Kill(action, after_s=source.uniform(0.02, longest_s), early=early)


def _passes(name: str, source: random.Random) -> int:
    """Commits come by the hundred, a restore and a start once; everything else once in a while."""
    part = name.partition(".")[0]
    return source.randint(1, {"write": 120, "restore": 1, "directory": 1}.get(part, 2))
