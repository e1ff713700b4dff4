"""A continuous audit of recall: some queries are answered again, and compared with all stored vectors.

The indexes learn from it how hard to look.
"""

import contextlib
import queue as queues
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from serving.errors import NotFound, QuadrilleError, Unavailable

from retrieval.domain import EVERYTHING, Collection, Effort, Ids, IndexKind, Scores, Vector
from retrieval.index import exact
from retrieval.index.set import IndexSet
from retrieval.index.threads import compute_alone, stand_back
from retrieval.metrics import StoreMetrics
from retrieval.rescoring import fetch_from
from retrieval.store.base import Store
from retrieval.store.reader import Reader

log = structlog.get_logger(__name__)

# An audit reads every vector. So much longer than it took, the next one waits; less while a collection is little known.
_REST, _FIRST_REST = 49, 9
_KNOWN = 1024  # by so many queries, after which walks are about as wide as they need be
# Queries that are compared with the vectors as these are read, for little more than one costs.
_MOST = 64


@dataclass(frozen=True, slots=True)
class Sample:
    """A query (dimension,) as it was searched."""

    collection: Collection
    query: Vector
    k: int
    allowed: Ids | None
    effort: Effort

    def is_like(self, other: "Sample") -> bool:
        """Tell whether they differ in the query alone."""
        return (
            (self.collection.id, self.k, self.effort) == (other.collection.id, other.k, other.effort)
            and self.collection.created_at == other.collection.created_at
            and self.allowed is other.allowed
        )


class RecallAudit:
    """Audits on a thread of its own, a few queries at a time, for at most a fiftieth of that thread's time.

    It is a tenth for the first thousand queries of a collection since the start, for indexes learn from them.

    Args:
        share: of the queries that approximate indexes answer, which are offered; 0 audits none.
        chance: gives numbers from 0 to 1.
    """

    def __init__(
        self,
        store: Store,
        indexes: IndexSet,
        metrics: StoreMetrics,
        *,
        share: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._metrics = metrics
        self._share = share
        self._chance = chance
        self._waiting: queues.Queue[Sample | None] = queues.Queue(maxsize=_MOST)
        self._audited = Counter[int]()  # queries, by collection
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retrieval-audit", daemon=True)
        self._thread.start()

    def offer(
        self, collection: Collection, queries: Vector, k: int, allowed: Ids | None, effort: Effort
    ) -> None:
        """Take some of the queries (n, dimension) that were searched; never waits, passes over most."""
        if collection.spec.index is IndexKind.FLAT or effort is Effort.EXACT:
            return
        for query in queries:
            if self._chance() < self._share and not self._waiting.full():
                with contextlib.suppress(queues.Full):
                    self._waiting.put_nowait(Sample(collection, query, k, allowed, effort))

    def recalls(self, samples: Sequence[Sample]) -> list[float]:
        """Search again for what differs in the query alone, and return the share of the true k nearest found by each.

        Nothing when there are no vectors that may be found. Raises what a search does. Results count as found when they
        score as well as the k-th nearest.
        """
        first = samples[0]
        queries, spec = np.stack([sample.query for sample in samples]), first.collection.spec
        with contextlib.ExitStack() as view:
            with self._indexes.lock.shared():
                reader = view.enter_context(self._store.reading(EVERYTHING))
                self._check_same(reader, first.collection)
                index = self._indexes.get(first.collection.id)
                fetch = fetch_from(reader, spec.dimension)
                found = index.search(queries, first.k, first.allowed, first.effort, fetch)
            true = self._true_scores(reader, first, queries)  # in the same view, while writes go on
        if not true.shape[1]:
            return []
        return [
            np.count_nonzero(scores[: len(line)] >= line[-1]) / len(line)
            for (_, scores), line in zip(found, true, strict=True)
        ]

    def stop(self) -> None:
        """Break off the audit that is under way, and end."""
        self._stopping.set()
        with contextlib.suppress(queues.Full):
            self._waiting.put_nowait(None)
        self._thread.join()

    def _run(self) -> None:
        stand_back()
        compute_alone()
        waiting: list[Sample] = []
        while not self._stopping.is_set():
            if not waiting and (sample := self._waiting.get()) is not None:
                waiting = [sample, *self._also_waiting()]
            if not waiting:
                return
            alike = [sample for sample in waiting if sample.is_like(waiting[0])]
            waiting = [sample for sample in waiting if not sample.is_like(waiting[0])]
            started = time.perf_counter()
            self._audit(alike)
            self._stopping.wait(self._rest(alike[0].collection) * (time.perf_counter() - started))

    def _rest(self, collection: Collection) -> int:
        return _REST if self._audited[collection.id] >= _KNOWN else _FIRST_REST

    def _also_waiting(self) -> Iterator[Sample]:
        with contextlib.suppress(queues.Empty):
            while (sample := self._waiting.get_nowait()) is not None:
                yield sample

    def _audit(self, samples: Sequence[Sample]) -> None:
        number = samples[0].collection.id
        self._audited[number] += len(samples)
        try:
            self._note(samples[0], self.recalls(samples))
        except QuadrilleError as error:  # deleted or replaced; or damaged, which Verify tells of
            log.info("audit_abandoned", collection=number, reason=error.message)
        except Exception:  # the next queries may fare better
            log.exception("audit_failed", collection=number)

    def _note(self, sample: Sample, recalls: Sequence[float]) -> None:
        collection, effort = sample.collection, sample.effort
        metric = self._metrics.recall.labels(collection.spec.index.value, effort.value)
        learning = sample.allowed is None
        for recall in recalls:
            metric.observe(recall)
            # Once walks have changed, the others tell of walks that are no more.
            if learning and self._indexes.learn(collection.id, sample.k, effort, recall):
                learning = False

    def _check_same(self, reader: Reader, collection: Collection) -> None:
        found = reader.collection(collection.tenant, collection.spec.name, alias=False)
        if (found.id, found.created_at) != (collection.id, collection.created_at):
            raise NotFound("collection", collection.spec.name)

    def _true_scores(self, reader: Reader, sample: Sample, queries: Vector) -> Scores:
        """Return for each query the scores of the k nearest of all stored vectors, (n, at most k), best first."""
        metric, best = sample.collection.spec.metric, np.empty((len(queries), 0), dtype=np.float64)
        for ids, vectors in reader.vectors(sample.collection.id):
            if self._stopping.is_set():
                raise Unavailable("the service stops")
            if sample.allowed is not None:
                vectors = vectors[np.isin(ids, sample.allowed)]
            if not len(vectors):
                continue
            scores = exact.nearest_scores(metric, queries, vectors, sample.k)
            best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, : sample.k]
        return best
