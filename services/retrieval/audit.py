"""A continuous audit of recall: some queries are answered again, and compared with all stored vectors.

The indexes learn from it how hard to look.
"""

import contextlib
import queue as queues
import random
import threading
import time
from collections.abc import Callable
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

# An audit reads every vector. So much longer than it took, the next one waits.
_REST = 49


@dataclass(frozen=True, slots=True)
class Sample:
    """A query (dimension,) as it was searched."""

    collection: Collection
    query: Vector
    k: int
    allowed: Ids | None
    effort: Effort


class RecallAudit:
    """Audits on a thread of its own, one query at a time, for at most a fiftieth of that thread's time.

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
        self._waiting: queues.Queue[Sample | None] = queues.Queue(maxsize=1)
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

    def recall(self, sample: Sample) -> float | None:
        """Search again and return the share of the true k nearest that is found; None when there are none.

        Raises what a search does. Results count as found when they score as well as the k-th nearest.
        """
        spec = sample.collection.spec
        with contextlib.ExitStack() as view:
            with self._indexes.lock.shared():
                reader = view.enter_context(self._store.reading(EVERYTHING))
                self._check_same(reader, sample.collection)
                index = self._indexes.get(sample.collection.id)
                fetch = fetch_from(reader, spec.dimension)
                ((_, found),) = index.search(
                    sample.query[None, :], sample.k, sample.allowed, sample.effort, fetch
                )
            true = self._true_scores(reader, sample)  # in the same view, while writes go on
        return np.count_nonzero(found[: len(true)] >= true[-1]) / len(true) if len(true) else None

    def stop(self) -> None:
        """Break off the audit that is under way, and end."""
        self._stopping.set()
        with contextlib.suppress(queues.Full):
            self._waiting.put_nowait(None)
        self._thread.join()

    def _run(self) -> None:
        stand_back()
        compute_alone()
        while (sample := self._waiting.get()) is not None and not self._stopping.is_set():
            started = time.perf_counter()
            try:
                recall = self.recall(sample)
                if recall is not None:
                    self._note(sample, recall)
            except QuadrilleError as error:  # deleted or replaced; or damaged, which Verify tells of
                log.info("audit_abandoned", collection=sample.collection.id, reason=error.message)
            except Exception:  # the next query may fare better
                log.exception("audit_failed", collection=sample.collection.id)
            self._stopping.wait(_REST * (time.perf_counter() - started))

    def _note(self, sample: Sample, recall: float) -> None:
        collection, effort = sample.collection, sample.effort
        self._metrics.recall.labels(collection.spec.index.value, effort.value).observe(recall)
        if sample.allowed is None:
            self._indexes.learn(collection.id, sample.k, effort, recall)

    def _check_same(self, reader: Reader, collection: Collection) -> None:
        found = reader.collection(collection.tenant, collection.spec.name, alias=False)
        if (found.id, found.created_at) != (collection.id, collection.created_at):
            raise NotFound("collection", collection.spec.name)

    def _true_scores(self, reader: Reader, sample: Sample) -> Scores:
        """Return the scores of the k nearest of all stored vectors, best first."""
        metric, best = sample.collection.spec.metric, np.empty(0, dtype=np.float64)
        for ids, vectors in reader.vectors(sample.collection.id):
            if self._stopping.is_set():
                raise Unavailable("the service stops")
            allowed = slice(None) if sample.allowed is None else np.isin(ids, sample.allowed)
            vectors = vectors[allowed]
            places = np.arange(len(vectors))[None, :]
            (scores,) = exact.score(metric, sample.query[None, :], places, vectors.__getitem__)
            best = np.sort(np.concatenate([best, scores]))[::-1][: sample.k]
        return best
