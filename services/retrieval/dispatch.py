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
from retrieval.domain import Answer, Query
from retrieval.index.set import IndexSet
from retrieval.kept import KeptPassages
from retrieval.metrics import StoreMetrics
from retrieval.searching import Searcher, Target
from retrieval.store.base import Store

# Queries of one pass: larger ones gain nothing and hold up who waits.
_MOST = 64
# From here on a pass is worth all cores; OpenMP's threads of one thread suffice, and more would crowd the cores.
_MANY = 32


class Dispatcher:
    """Answers queries at once or on `readers`, whose threads compute alone, and large batches on a thread of its own.

    The event loop's thread is to compute alone, too.
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
        self._bulk = ThreadPoolExecutor(1, thread_name_prefix="retrieval-bulk")
        self._searcher = Searcher(store, indexes, metrics, audit)
        self._dense = dense = DensePass(store, indexes, metrics, kept, audit)
        self._few = Coalescer[DenseQuery, Found](dense.begin, readers, _MOST)
        self._many = Coalescer[DenseQuery, Found](
            lambda items: functools.partial(dense.run, items), self._bulk, _MOST
        )

    async def answer(
        self, target: Target, queries: Sequence[Query], fields: Sequence[str], deadline: float | None
    ) -> list[Answer]:
        """Answer queries over one collection part by part, so that a cancelled batch stops soon.

        Raises InvalidInput for a query that lacks what its mode needs, before any is searched for.
        """
        answers: list[Answer] = []
        for key, part in _parts(queries, fields):
            found = await self._part(target, key, part, deadline)
            answers += [answer for answer, _ in found]
            if len(answers) < len(queries):  # by its own name: an alias may move while the batch runs
                _, collection = found[-1]
                target = replace(target, name=collection.spec.name, expected=collection.id)
        return answers

    def close(self) -> None:
        """Let go of the thread."""
        self._bulk.shutdown()

    async def _part(
        self, target: Target, key: Hashable | None, part: Sequence[tuple[Query, str]], deadline: float | None
    ) -> list[Found]:
        if key is None:
            search = functools.partial(self._searcher.search, target, *part[0])
            return [await asyncio.get_running_loop().run_in_executor(self._readers, search)]
        passes = self._many if len(part) >= _MANY else self._few
        items = [DenseQuery(target, query, field) for query, field in part]
        # What one caller may read is never another's: they share a pass only when they may read the same.
        access = self._dense.shared_access(target)
        return await passes.submit((target.tenant, access, target.name, key), items, deadline)


def _parts(
    queries: Sequence[Query], fields: Sequence[str]
) -> list[tuple[Hashable | None, list[tuple[Query, str]]]]:
    """Cut queries, with their fields, where one differs from the next in what a pass shares, and into passes.

    Raises InvalidInput for a query that lacks what its mode needs.
    """
    keyed = [(shared_by(*pair), pair) for pair in zip(queries, fields, strict=True)]
    parts = []
    for key, group in itertools.groupby(keyed, operator.itemgetter(0)):
        while part := [pair for _, pair in itertools.islice(group, 1 if key is None else _MOST)]:
            parts.append((key, part))
    return parts
