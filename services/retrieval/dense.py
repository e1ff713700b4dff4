"""Plain dense queries over one collection, of one caller or several, as one search of its index. Blocking."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from serving.errors import QuadrilleError

from retrieval.audit import RecallAudit
from retrieval.domain import Answer, Collection, Hit, Passage, Plan, Query, Ranked, SearchMode, Vector
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.ranking import rank
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
        with contextlib.ExitStack() as view:
            with self._indexes.lock.shared():  # no commit between opening the view and searching the index
                reader = view.enter_context(self._store.reading(target.access))
                collection = reader.collection(target.tenant, target.name)
                checked = [_checked(item, collection, reader.lsn) for item in queries]
                vectors = [vector for vector in checked if not isinstance(vector, QuadrilleError)]
                if not vectors:
                    return [refusal for refusal in checked if isinstance(refusal, QuadrilleError)]
                allowed = reader.matching_chunks(collection.id, first.filter)
                asked = VectorQuery(np.stack(vectors), first.top_k, allowed, first.effort)
                found = self._vectors.search(reader, collection, asked)
                explained = any(item.target.explain for item in queries)
                how = self._vectors.explain(collection, asked) if explained else ""
            passages = reader.passages(np.unique(np.concatenate([ids for ids, _ in found])))
        seconds = time.perf_counter() - started
        names = {number: passage.id for number, passage in passages.items()}
        by_name = {passage.id: passage for passage in passages.values()}
        count = None if allowed is None else len(allowed)
        candidates = iter(found)
        outcomes: list[Found | Exception] = []
        for item, verdict in zip(queries, checked, strict=True):
            if isinstance(verdict, QuadrilleError):
                outcomes.append(verdict)
                continue
            ranks = rank(next(candidates), names, first.top_k)
            plan = Plan(
                SearchMode.DENSE,
                dense=how,
                filtered_chunk_count=count,
                dense_candidate_count=len(ranks),
            )
            hits = _hits(ranks, by_name, item.query.min_score)
            outcomes.append((Answer(hits, reader.lsn, plan, seconds), collection))
        for _ in queries:
            self._seconds.observe(seconds)
        self._metrics.pass_size.observe(len(queries))
        return outcomes


def _checked(item: DenseQuery, collection: Collection, lsn: int) -> Vector | QuadrilleError:
    """The query's vector, or what is told to its caller and nobody else."""
    try:
        check_target(collection, item.target, lsn)
        assert item.query.vector is not None
        return check_vector(item.query.vector, collection.spec, f"{item.field}.vector")
    except QuadrilleError as error:
        return error


def _hits(
    ranks: Mapping[str, Ranked], passages: Mapping[str, Passage], least: float | None
) -> tuple[Hit, ...]:
    return tuple(
        Hit(passages[name], ranked.score, ranked, None)
        for name, ranked in ranks.items()
        if least is None or ranked.score >= least
    )
