"""A sealed segment in a Milvus.

Who may be found is never told to it: its graphs, too, lose their way under a filter that points elsewhere, and lists
of ids would be long. It is asked for more results, and those that are not allowed are dropped.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.domain import Bitmap, Effort, Ids, Vector
from retrieval.index.faiss_segment import Found
from retrieval.index.milvus.server import ANSWER_S, asked
from retrieval.index.places import members, to_places
from retrieval.index.planner import Scan, Step, Walk

SLOT, VECTOR = "slot", "vector"
# Candidates beyond those wanted: float32 may order near neighbours differently than float64.
_SLACK = 8
# So few allowed vectors are all candidates, since their scores are computed from the stored vectors anyway.
_FEW = 1024
# Results that a Milvus gives at most.
_MOST = 16_384
# Where too few of the results are allowed, so many times more are asked for.
_WIDER = 8
_WIDTH_PER_RESULT = 2
_NONE: Ids = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Effects:
    """What an effort means: a search parameter, its values for the nearest 10 and the most it may be.

    `oversampling` is the number of candidates for each result.
    """

    parameter: str
    values: dict[Effort, int]
    most: int
    oversampling: int

    def value(self, k: int, effort: Effort, wider: float = 1.0) -> int:
        """Return the value for the nearest k, or for so many times more."""
        value = self.values[effort]
        if self.parameter == "ef":
            value = max(value, _WIDTH_PER_RESULT * k)
        return min(math.ceil(value * wider), self.most)


class MilvusSegment:
    """A collection of slots and vectors that is never written again. Searches raise Unavailable without its Milvus."""

    nbytes = 0  # in this process

    def __init__(
        self, client: Any, described: dict[str, Any], count: int, metric: str, effects: Effects
    ) -> None:
        self._client = client
        self._described = described
        self._name: str = described["collection"]
        self._metric = metric
        self._effects = effects
        self.ntotal = count
        self.dimension: int = described["dimension"]

    def plan(self, k: int, allowed: Bitmap | None, effort: Effort) -> Step:
        """Return how a search would go about it."""
        if effort is Effort.EXACT or members(allowed, self.ntotal) <= _FEW:
            return Scan()
        return Walk(self._effects.value(k, effort))

    def search(self, queries: Vector, k: int, allowed: Bitmap | None, effort: Effort) -> Found:
        """Return distances of 0 and slots, both (n, at most what is allowed), the allowed ones that were found.

        The kind keeps no vectors here, so whoever asks scores the slots by the stored ones. Rows may have fewer than
        min(k, allowed) slots, and -1 after these, when a filter and a query point to different places.
        """
        count = members(allowed, self.ntotal)
        wanted = min(min(k, count) * self._effects.oversampling, count)
        if isinstance(self.plan(k, allowed, effort), Scan):
            return _found([to_places(allowed, self.ntotal)] * len(queries))
        fetch = min(wanted + _SLACK, count)
        rows: list[Ids] = [_NONE] * len(queries)
        short = list(range(len(queries)))
        for limit in self._limits(math.ceil(fetch * self.ntotal / count)):
            met = self._ask(queries[short], limit, self._effects.value(k, effort, limit / fetch))
            for place, slots in zip(short, met, strict=True):
                rows[place] = slots[_holds(allowed, slots)][:fetch]
            short = [place for place in short if len(rows[place]) < wanted]
            if not short:
                break
        return _found(rows)

    def vectors(self, slots: Ids) -> Vector | None:
        """Return None: vectors are not kept in this process."""
        return None

    def write(self, path: Path) -> None:
        """Write where it is."""
        path.write_text(json.dumps(self._described))

    def _limits(self, first: int) -> Iterator[int]:
        """Yield how many results to ask for, more and more."""
        most = min(_MOST, self.ntotal)
        if first > most:
            return
        while first < most:
            yield first
            first *= _WIDER
        yield most

    def _ask(self, queries: Vector, limit: int, value: int) -> list[Ids]:
        parameter = self._effects.parameter
        least = limit if parameter == "ef" else 1  # a graph's walk holds what it is to give
        with asked():
            answers = self._client.search(
                self._name,
                data=list(np.ascontiguousarray(queries, dtype=np.float32)),
                anns_field=VECTOR,
                limit=limit,
                search_params={"metric_type": self._metric, "params": {parameter: max(value, least)}},
                timeout=ANSWER_S,
            )
        return [np.array([hit[SLOT] for hit in hits], dtype=np.int64) for hits in answers]


def _holds(allowed: Bitmap | None, slots: Ids) -> Any:
    if allowed is None:
        return slice(None)
    return (allowed[slots >> 3] >> (slots & 7).astype(np.uint8)) & 1 == 1


def _found(rows: list[Ids]) -> Found:
    """Return rows of slots side by side, the shorter ones padded with -1."""
    slots = np.full((len(rows), max(map(len, rows), default=0)), -1, dtype=np.int64)
    for place, row in enumerate(rows):
        slots[place, : len(row)] = row
    return np.zeros(slots.shape, dtype=np.float32), slots
