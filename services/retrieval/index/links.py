"""Links that a graph lacks: a vector to which no other links is never found. Pure.

From a list that overflows, HNSW drops what is nearer to another in the list than to the list's own vector. Amid many
that are alike, a vector may lose all links to it. NSG therefore ends a build by making all of a graph reachable, as is
done here (Fu, Xiang, Wang, Cai, "Fast Approximate Nearest Neighbor Search With The Navigating Spreading-out Graph",
PVLDB 12, 2019).
"""

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import Ids

Links = NDArray[np.int32]

# How many others link to a vector: at first all get one, then two, then four.
_LEAST = (1, 2, 4)
# How far from a vector one is looked for that has room.
_STEPS = 16
# Vectors that are seen to at once.
_BLOCK = 1 << 16


def link_back(links: Links, begins: Ids, room: int) -> None:
    """Have vectors to which fewer than four others link be linked to from near by.

    From each, links are followed at random until a list with room is met: often that of one that it links to itself.

    Args:
        links: the lists of all vectors, changed in place; what is after a list's links is -1.
        begins: where the list of each vector begins (n,).
        room: links that a list may have; none gets more, and none loses one.
    """
    counts, incoming = np.zeros_like(begins), np.zeros_like(begins)
    for place in range(room):
        there = links[begins + place]
        counts += there >= 0
        incoming += np.bincount(there[there >= 0], minlength=len(begins))
    source = np.random.default_rng(0)
    for least in _LEAST:
        lacking = np.flatnonzero((incoming < least) & (counts > 0))
        for start in range(0, len(lacking), _BLOCK):
            some = lacking[start : start + _BLOCK]
            at = some
            for _ in range(_STEPS):
                chosen = source.integers(counts[at])
                at = links[begins[at] + chosen].astype(np.int64)
                incoming[_link(links, begins, room, counts, at, some)] += 1
                on = (incoming[some] < least) & (counts[at] > 0)
                some, at = some[on], at[on]


def _link(links: Links, begins: Ids, room: int, counts: Ids, sources: Ids, targets: Ids) -> Ids:
    """Link each source to its target, if it does not yet and has room; returns the targets that are linked to now."""
    known = (links[begins[sources, None] + np.arange(room)] == targets[:, None]).any(axis=1)
    new = np.flatnonzero(~known & (sources != targets))
    new = new[np.argsort(sources[new], kind="stable")]
    sources, targets = sources[new], targets[new]
    _, firsts, lengths = np.unique(sources, return_index=True, return_counts=True)
    places = counts[sources] + np.arange(len(sources)) - np.repeat(firsts, lengths)
    free = places < room
    sources, targets = sources[free], targets[free]
    links[begins[sources] + places[free]] = targets
    np.add.at(counts, sources, 1)
    return targets
