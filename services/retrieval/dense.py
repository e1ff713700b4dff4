"""Plain dense queries over one collection, of one caller or several, as one search of its index. Blocking."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from serving.errors import QuadrilleError

from retrieval.audit import RecallAudit
from retrieval.domain import Answer, Collection, Hit, Ids, Passage, Plan, Query, Ranked, Scores, SearchMode
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.searching import Target, check_target, resolve_mode
from retrieval.store.base import Store
from retrieval.validation import check_vector
from retrieval.vector_search import VectorQuery, VectorSearch

Found = tuple[Answer, Collection]


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """A query that `shared_by` names; `field` is its path in its request."""

    target: Target
    query: Query
    field: str


def shared_by(query: Query, field: str) -> str | None:
    """Return what queries of one pass have in common; None when this one is not ranked by vectors alone.

    Filters never mix, and neither do numbers of hits: an answer is the same in any company.
    """
    if resolve_mode(query, field) is not SearchMode.DENSE:
        return None
    if query.mmr is not None or query.group_size is not None:
        return None
    # As text, because Python holds 1, 1.0 and True for equal and filters do not.
    return repr((query.top_k, query.filter, query.effort))


class DensePass:
    """Searches for queries that share a key; any number of threads may."""

    def __init__(
        self, store: Store, indexes: IndexSet, metrics: StoreMetrics, audit: RecallAudit | None = None
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._vectors = VectorSearch(indexes, audit)
        self._metrics = metrics
        self._seconds = metrics.search_seconds.labels(SearchMode.DENSE.value)

    def run(self, queries: Sequence[DenseQuery]) -> list[Found | Exception]:
        """Return for each query its answer and the collection that it came from, or what speaks against it.

        Raises what concerns all of them.
        """
        started = time.perf_counter()
        target, first = queries[0].target, queries[0].query
        outcomes: dict[int, Found | Exception] = {}
        with contextlib.ExitStack() as view:
            with self._indexes.lock.shared():  # no commit between opening the view and searching the index
                reader = view.enter_context(self._store.reading(target.access))
                collection = reader.collection(target.tenant, target.name)
                places, vectors = [], []
                for place, item in enumerate(queries):
                    try:
                        check_target(collection, item.target, reader.lsn)
                        assert item.query.vector is not None
                        vectors.append(
                            check_vector(item.query.vector, collection.spec, f"{item.field}.vector")
                        )
                        places.append(place)
                    except QuadrilleError as error:  # told to this caller and nobody else
                        outcomes[place] = error
                if not places:
                    return [outcomes[place] for place in range(len(queries))]
                allowed = reader.matching_chunks(collection.id, first.filter)
                asked = VectorQuery(np.stack(vectors), first.top_k, allowed, first.effort)
                found = self._vectors.search(reader, collection, asked)
                explained = any(item.target.explain for item in queries)
                how = self._vectors.explain(collection, asked) if explained else ""
            passages = reader.passages(np.unique(np.concatenate([ids for ids, _ in found])))
        seconds = time.perf_counter() - started
        count = None if allowed is None else len(allowed)
        for place, candidates in zip(places, found, strict=True):
            query = queries[place].query
            hits = _hits(*candidates, passages, query.top_k)
            plan = Plan(
                SearchMode.DENSE,
                dense=how,
                filtered_chunk_count=count,
                dense_candidate_count=len(hits),
            )
            if query.min_score is not None:
                hits = tuple(hit for hit in hits if hit.score >= query.min_score)
            outcomes[place] = Answer(hits, reader.lsn, plan, seconds), collection
        for _ in queries:
            self._seconds.observe(seconds)
        self._metrics.pass_size.observe(len(queries))
        return [outcomes[place] for place in range(len(queries))]


def _hits(ids: Ids, scores: Scores, passages: dict[int, Passage], top_k: int) -> tuple[Hit, ...]:
    """The best, ties by chunk id."""
    ranked = sorted(
        (-score, passages[number].id, number)
        for number, score in zip(ids.tolist(), scores.tolist(), strict=True)
        if number in passages
    )
    return tuple(
        Hit(passages[number], -score, Ranked(rank, -score), None)
        for rank, (score, _, number) in enumerate(ranked[:top_k], 1)
    )
