"""How one segment answers a query: by a scan of what is allowed, or by its structure. Pure."""

import math
from dataclasses import dataclass

# A walk holds at least this many vectors for each that is wanted, or the last of many is found less surely.
_WIDTH_PER_RESULT = 2


@dataclass(frozen=True, slots=True)
class Scan:
    """Compare the query with every allowed vector."""

    def __str__(self) -> str:
        return "scan"


@dataclass(frozen=True, slots=True)
class Walk:
    """Follow the structure and hold the best `width` vectors, whether allowed or not.

    What isn't allowed is dropped after the walk and not kept out of it. The walk covers the query's nearest
    `width` vectors, so an allowed one among them is a true neighbour; a selector inside the walk would give k
    vectors from wherever it passed. When fewer than k are left, the filter and the query point to different
    places, and the segment is scanned.
    """

    width: int

    def __str__(self) -> str:
        return f"walk of width {self.width}"


Step = Scan | Walk


@dataclass(frozen=True, slots=True)
class Costs:
    """What walks in a kind of structure cost.

    `widest`: vectors that a walk may hold at most. `scanned`: vectors that a scan compares in the time in which a walk
    holds one more; 0 where it never pays.
    """

    widest: int
    scanned: int


def choose(total: int, allowed: int, k: int, width: int, costs: Costs) -> Step:
    """Choose how to find the k nearest of `allowed` among `total` vectors.

    `width` is what a walk holds to find the nearest 10 when all are allowed. It widens as fewer vectors are allowed, so
    that as many of these are met as without a filter; a scan gets shorter. The cheaper is taken.
    """
    if allowed <= k:
        return Scan()
    wanted = max(width, _WIDTH_PER_RESULT * k)
    width = math.ceil(wanted * total / allowed)
    return Walk(width) if width <= costs.widest and width * costs.scanned < allowed else Scan()
