"""Which thread answers a query, and in what company."""

import asyncio
import functools
import itertools
import operator
from collections.abc import Hashable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace

from retrieval.audit import RecallAudit
from retrieval.coalescing import Coalescer
from retrieval.dense import DensePass, DenseQuery, Found, shared_by
from retrieval.domain import AnyAnswer, Query
from retrieval.index.set import IndexSet
from retrieval.index.threads import compute_alone, cores
from retrieval.kept import KeptPassages
from retrieval.metrics import StoreMetrics
from retrieval.searching import Searcher, Target
from retrieval.store.base import Store

# Queries of one pass: larger ones gain nothing and hold up who waits.
_MOST = 64
# Of a batch's parts, which are answered side by side. So many are worth a thread, whatever they ask.
_MANY = 32

_Part = list[tuple[Query, str]]


class Dispatcher:
    """Answers queries at once or on `readers`, and batches on threads of their own, one for each core.

    All of these compute alone, and so is the event loop's thread to: where FAISS gives a search several threads, the
    first to be done waits awake for the others, on cores that have other work.
    """

    def __init__(
        self,
        store: Store,
        indexes: IndexSet,
        metrics: StoreMetrics,
        readers: Executor,
        kept: KeptPassages,
        audit: RecallAudit | None = None,
    ) -> None:
        self._readers = readers
        self._bulk = ThreadPoolExecutor(
            cores(), thread_name_prefix="retrieval-bulk", initializer=compute_alone
        )
        self._searcher = Searcher(store, indexes, metrics, audit)
        self._dense = dense = DensePass(store, indexes, metrics, kept, audit)
        self._few = Coalescer[DenseQuery, Found](dense.begin, readers, _MOST)
        self._many = Coalescer[DenseQuery, Found](
            lambda items: functools.partial(dense.run, items), self._bulk, _MANY
        )
        self._queues = dict.fromkeys(range(cores()), 0)  # parts that wait for, or have, each thread

    async def answer(
        self, target: Target, queries: Sequence[Query], fields: Sequence[str], deadline: float | None
    ) -> list[AnyAnswer]:
        """Answer queries over one collection part by part, so that a cancelled batch stops soon.

        Raises InvalidInput for a query that lacks what its mode needs, before any is searched for.
        """
        parts = _parts(queries, fields)
        found: list[Found] = []
        if len(parts) == 1 or (collection := self._dense.collection(target)) is None:
            key, first = parts.pop(0)
            found = await self._part(target, key, first, deadline)
            _, collection = found[-1]
        if parts:
            # By its own name: an alias may move while the batch runs.
            target = replace(target, name=collection.spec.name, expected=collection.id)
            found += await self._side_by_side(target, parts, deadline)
        return [answer for answer, _ in found]

    def close(self) -> None:
        """Let go of the threads."""
        self._bulk.shutdown()

    async def _side_by_side(
        self, target: Target, parts: Sequence[tuple[Hashable | None, _Part]], deadline: float | None
    ) -> list[Found]:
        """Answer so many parts at a time as there are threads for them."""
        found: list[list[Found]] = [[]] * len(parts)
        waiting = iter(enumerate(parts))

        async def answer() -> None:
            for place, (key, part) in waiting:
                found[place] = await self._part(target, key, part, deadline)

        tasks = [asyncio.ensure_future(answer()) for _ in range(min(len(self._queues), len(parts)))]
        try:
            await asyncio.gather(*tasks)
        finally:  # who fails or leaves has the others stop
            for task in tasks:
                task.cancel()
        return list(itertools.chain.from_iterable(found))

    async def _part(
        self, target: Target, key: Hashable | None, part: _Part, deadline: float | None
    ) -> list[Found]:
        if key is None:
            search = functools.partial(self._searcher.search, target, *part[0])
            return [await asyncio.get_running_loop().run_in_executor(self._readers, search)]
        items = [DenseQuery(target, query, field) for query, field in part]
        if len(items) >= _MANY:
            return await self._on_a_thread(items, deadline)
        # What one caller may read is never another's: they share a pass only when they may read the same.
        access = self._dense.shared_access(target)
        return await self._few.submit((target.tenant, access, target.name, key), items, deadline)

    async def _on_a_thread(self, items: Sequence[DenseQuery], deadline: float | None) -> list[Found]:
        shortest = min(self._queues, key=self._queues.__getitem__)
        self._queues[shortest] += 1
        try:
            return await self._many.submit(shortest, items, deadline)
        finally:
            self._queues[shortest] -= 1


def _parts(queries: Sequence[Query], fields: Sequence[str]) -> list[tuple[Hashable | None, _Part]]:
    """Cut queries, with their fields, where one differs from the next in what a pass shares, and into parts.

    Raises InvalidInput for a query that lacks what its mode needs.
    """
    keyed = [(shared_by(*pair), pair) for pair in zip(queries, fields, strict=True)]
    parts = []
    for key, group in itertools.groupby(keyed, operator.itemgetter(0)):
        while part := [pair for _, pair in itertools.islice(group, 1 if key is None else _MANY)]:
            parts.append((key, part))
    return parts
