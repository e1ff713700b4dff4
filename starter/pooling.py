"""Batches of about as many tokens each, of examples that are about as long."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

POOL = 8  # batches drawn together and sorted by length, so that little is padded

Example = TypeVar("Example")


def batches(
    name: str,
    start: int,
    stop: int,
    batch_tokens: int,
    draw: Callable[[random.Random, int], Iterable[list[Example]]],
    lengths: Callable[[Example], tuple[int, ...]],
) -> Iterator[list[Example]]:
    """One batch for each step in [start, stop), the same for a step wherever training resumes.

    `draw` yields a few examples at a time for the pool that begins at a step; `lengths` are an example's, in
    tokens. `name` seeds what is drawn.
    """

    def size(example: Example) -> int:
        return sum(lengths(example))

    for pool in range(start // POOL, (stop + POOL - 1) // POOL):
        rng = random.Random(f"{name} {pool}")
        first = pool * POOL
        drawn: list[Example] = []
        supply = iter(draw(rng, first))
        while sum(map(size, drawn)) < POOL * batch_tokens:
            drawn += next(supply)
        drawn.sort(key=lengths)
        share = sum(map(size, drawn)) / POOL
        ready: list[list[Example]] = []
        filled = 0
        for example in drawn:
            if filled >= share * len(ready):
                ready.append([])
            ready[-1].append(example)
            filled += size(example)
        rng.shuffle(ready)
        for index in range(POOL):
            if start <= first + index < stop:
                yield ready[index % len(ready)]
