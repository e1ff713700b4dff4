"""Plain dense queries over one collection, of one caller or several, as one search of its index."""

import contextlib
import functools
import math
import time
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from serving.errors import QuadrilleError

from retrieval.audit import RecallAudit
from retrieval.coalescing import Begun
from retrieval.domain import (
    EVERYTHING,
    Access,
    AnyAnswer,
    Collection,
    DenseAnswer,
    Ids,
    KeptPassage,
    Plan,
    Query,
    Scores,
    SearchMode,
    Vector,
)
from retrieval.index.set import IndexSet
from retrieval.kept import KeptPassages
from retrieval.known import Known, KnownCollections, Shape
from retrieval.metrics import StoreMetrics
from retrieval.ranking import rank_kept
from retrieval.searching import Target, check_target, resolve_mode
from retrieval.store.base import Store
from retrieval.store.reader import Reader
from retrieval.validation import check_vectors
from retrieval.vector_search import VectorQuery, VectorSearch

Found = tuple[AnyAnswer, Collection]
Outcome = Found | Exception

# A pass that may take longer is a thread's: the event loop has others to serve.
_AT_ONCE_S = 0.001
# FAISS compares more queries block by block, and on all cores: their time tells nothing of one by itself.
_TIMED = 16


@dataclass(slots=True)
class DenseQuery:
    """A query that `shared_by` names; `field` is its path in its request."""

    target: Target
    query: Query
    field: str


@dataclass(frozen=True, slots=True)
class _Searched:
    """What a pass found before it was fetched; `checked` has the query's vector or what speaks against it."""

    queries: Sequence[DenseQuery]
    checked: Sequence[Vector | QuadrilleError]
    found: Sequence[tuple[Ids, Scores]]
    ids: Set[int]  # of the chunks that were found
    collection: Collection
    lsn: int
    allowed_count: int | None
    how: str
    started: float


def shared_by(query: Query, field: str) -> Hashable | None:
    """Return what queries of one pass have in common; None when this one is not ranked by vectors alone.

    Filters never mix, and neither do numbers of hits: an answer is the same in any company.
    """
    if resolve_mode(query, field) is not SearchMode.DENSE:
        return None
    if query.mmr is not None or query.group_size is not None or query.with_vectors:
        return None
    return _shape(query)


class DensePass:
    """Searches for queries that share a key, a tenant and a collection's name; any number of threads may.

    Args:
        at_once_s: seconds of a core that a pass on the event loop may take.
    """

    def __init__(
        self,
        store: Store,
        indexes: IndexSet,
        metrics: StoreMetrics,
        kept: KeptPassages,
        audit: RecallAudit | None = None,
        *,
        at_once_s: float = _AT_ONCE_S,
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._vectors = VectorSearch(indexes, audit)
        self._metrics = metrics
        self._seconds = metrics.search_seconds.labels(SearchMode.DENSE.value)
        self._candidates = metrics.candidates.labels(SearchMode.DENSE.value)
        self._kept = kept
        self._at_once_s = at_once_s
        self._known = KnownCollections()
        indexes.relearned = self._known.forget

    def collection(self, target: Target) -> Collection | None:
        """Return the collection that a query would be searched for in, if that is known."""
        known = self._known.get(target.tenant, target.name, self._store.version)
        return None if known is None else known.collection

    def shared_access(self, target: Target) -> Access:
        """Return the access under which a query is searched for: everybody's where nothing has readers."""
        known = self._known.get(target.tenant, target.name, self._store.version)
        return None if known is not None and known.open else target.access

    def begin(self, queries: Sequence[DenseQuery]) -> Begun[Found]:
        """Answer at once what memory alone can answer in no time; else return the work that does, for a thread.

        It never waits. What it raises concerns all queries, as with `run`.
        """
        shape = _shape(queries[0].query)
        known, allowed = self._recalled(queries, shape)
        if known is None or known.seconds(shape) * len(queries) > self._at_once_s:
            return functools.partial(self.run, queries)
        with self._indexes.lock.shared_at_once() as held:
            searched = self._search_known(queries, known, allowed) if held else None
        if searched is None or self._store.version != known.version:
            return functools.partial(self.run, queries)
        passages = self._kept.get(known.epoch, searched.ids)
        if len(passages) < len(searched.ids):
            return functools.partial(self._fetch, searched, known, passages)
        return self._answers(searched, passages)

    def run(self, queries: Sequence[DenseQuery]) -> Sequence[Outcome]:
        """Return for each query its answer and the collection that it came from, or what speaks against it.

        Raises what concerns all of them. Blocks.
        """
        shape = _shape(queries[0].query)
        known, allowed = self._recalled(queries, shape)
        if known is not None:
            begun = time.thread_time()
            with self._indexes.lock.shared():
                searched = self._search_known(queries, known, allowed)
            if searched is not None and self._store.version == known.version:
                query_s = _time_of_one(begun, len(searched.found))
                if query_s < known.seconds(shape):
                    self._note(queries[0].target, known, shape, query_s, allowed)
                return self._fetch(searched, known, self._kept.get(known.epoch, searched.ids))
        return self._from_store(queries)

    def _from_store(self, queries: Sequence[DenseQuery]) -> Sequence[Outcome]:
        accesses = {item.target.access for item in queries}
        restricted = next((access for access in accesses if access is not EVERYTHING), EVERYTHING)
        if (together := self._run(queries, restricted)) is not None:
            return together
        # They were put together when nothing had readers yet.
        outcomes: dict[int, Outcome] = {}
        for access in accesses:
            places = [i for i, item in enumerate(queries) if item.target.access == access]
            outcomes |= zip(places, self._from_store([queries[i] for i in places]), strict=True)
        return [outcomes[i] for i in range(len(queries))]

    def _run(self, queries: Sequence[DenseQuery], access: Access) -> Sequence[Outcome] | None:
        """Answer all in the view of one access; None when others among them may not read the same."""
        started = time.perf_counter()
        target, first = queries[0].target, queries[0].query
        alike = all(item.target.access == access for item in queries)
        with contextlib.ExitStack() as view:
            with self._indexes.lock.shared():  # no commit between opening the view and searching the index
                reader = view.enter_context(self._store.reading(access))
                collection = reader.collection(target.tenant, target.name)
                shows_all = reader.shows_all(collection.id)
                if not (alike or shows_all):
                    return None
                with self._metrics.stages["filter"].time():
                    allowed = reader.matching_chunks(collection.id, first.filter)
                begun = time.thread_time()
                searched = self._search(queries, collection, reader.lsn, allowed, reader, started)
                query_s = _time_of_one(begun, len(searched.found))
            if shows_all and searched.found:
                is_open = access is not EVERYTHING  # and yet all is seen
                known = Known(reader.version, reader.epoch, collection, reader.lsn, is_open)
                self._note(target, known, _shape(first), query_s, allowed)
            ids = searched.ids
            # What a view hides is not for the memory to show.
            passages = self._kept.get(reader.epoch, ids) if shows_all else {}
            return self._answers(searched, passages | self._read(reader, ids, passages))

    def _note(self, target: Target, seen: Known, shape: Shape, query_s: float, allowed: Ids | None) -> None:
        """Keep what was seen and how long it took, beside what is known already at this version."""
        *_, where = shape
        if (before := self._known.get(target.tenant, target.name, seen.version)) is not None:
            is_open = seen.open or before.open
            seen = replace(seen, open=is_open, query_s=before.query_s, allowed=before.allowed)
        if where is not None and allowed is not None:
            seen = seen.filtered(where, allowed)
        self._known.put(target.tenant, target.name, seen.timed(shape, query_s))

    def _recalled(
        self, queries: Sequence[DenseQuery], shape: Shape
    ) -> tuple[Known, Ids | None] | tuple[None, None]:
        """Return what is known of the collection, and what of it may be found, where that is all a search needs."""
        target, (*_, where) = queries[0].target, shape
        known = self._known.get(target.tenant, target.name, self._store.version)
        if known is None or not self._indexes.get(known.collection.id).in_memory:
            return None, None
        if any(item.target.explain or not known.shows_all(item.target.access) for item in queries):
            return None, None
        if where is None:
            return known, None
        allowed = known.let_through(where)
        return (None, None) if allowed is None else (known, allowed)

    def _search_known(
        self, queries: Sequence[DenseQuery], known: Known, allowed: Ids | None
    ) -> _Searched | None:
        """Search while no commit happens; None when one has happened since.

        What is found counts if the version is the same afterwards: the index may have been another's already.
        """
        if self._store.version != known.version:
            return None
        return self._search(queries, known.collection, known.lsn, allowed, None, time.perf_counter())

    def _fetch(
        self, searched: _Searched, known: Known, passages: dict[int, KeptPassage]
    ) -> Sequence[Outcome]:
        """Read the passages that memory lacks, in the view that was searched, or do all of it again."""
        ids = searched.ids
        if len(passages) == len(ids):
            return self._answers(searched, passages)
        with self._store.reading() as reader:
            if reader.version == known.version and reader.lsn == known.lsn:
                return self._answers(searched, passages | self._read(reader, ids, passages))
        return self._from_store(searched.queries)

    def _read(
        self, reader: Reader, ids: Set[int], passages: Mapping[int, KeptPassage]
    ) -> dict[int, KeptPassage]:
        lacking = sorted(ids - passages.keys())
        if not lacking:
            return {}
        with self._metrics.stages["passages"].time():
            return self._kept.put(reader.epoch, reader.passages(np.array(lacking, dtype=np.int64)))

    def _search(
        self,
        queries: Sequence[DenseQuery],
        collection: Collection,
        lsn: int,
        allowed: Ids | None,
        reader: Reader | None,
        started: float,
    ) -> _Searched:
        first = queries[0].query
        checked = _checked(queries, collection, lsn)
        vectors = [vector for vector in checked if not isinstance(vector, QuadrilleError)]
        found, how = [], ""
        if vectors:
            stacked = vectors[0][None, :] if len(vectors) == 1 else np.array(vectors)
            asked = VectorQuery(stacked, first.top_k, allowed, first.effort)
            begun = time.perf_counter()
            found = self._vectors.search(reader, collection, asked)
            self._metrics.stages["vectors"].observe(time.perf_counter() - begun)
            explained = any(item.target.explain for item in queries)
            how = self._vectors.explain(collection, asked) if explained else ""
        chunks = {chunk for ids, _ in found for chunk in ids.tolist()}
        count = None if allowed is None else len(allowed)
        return _Searched(queries, checked, found, chunks, collection, lsn, count, how, started)

    def _answers(self, searched: _Searched, passages: Mapping[int, KeptPassage]) -> Sequence[Outcome]:
        seconds = time.perf_counter() - searched.started
        plans: dict[int, Plan] = {}  # by the number of candidates
        candidates = iter(searched.found)
        outcomes: list[Outcome] = []
        for item, verdict in zip(searched.queries, searched.checked, strict=True):
            if isinstance(verdict, QuadrilleError):
                outcomes.append(verdict)
                continue
            query = item.query
            ranking = rank_kept(next(candidates), passages, query.top_k)
            if (plan := plans.get(len(ranking))) is None:
                plan = plans[len(ranking)] = Plan(
                    SearchMode.DENSE,
                    dense=searched.how,
                    filtered_chunk_count=searched.allowed_count,
                    dense_candidate_count=len(ranking),
                )
            self._candidates.observe(len(ranking))
            if query.min_score is not None:
                ranking = [pair for pair in ranking if pair[0] >= query.min_score]
            answer = DenseAnswer(ranking, searched.lsn, plan, seconds, query.with_passages)
            outcomes.append((answer, searched.collection))
        for _ in searched.found:
            self._seconds.observe(seconds)
        self._metrics.pass_size.observe(len(searched.queries))
        return outcomes


def _shape(query: Query) -> Shape:
    # A filter as text, because Python holds 1, 1.0 and True for equal and filters do not.
    return query.effort, query.top_k, None if query.filter is None else repr(query.filter)


def _time_of_one(begun: float, count: int) -> float:
    """Seconds that this thread has computed for each of so many queries; infinite when that tells nothing."""
    return (time.thread_time() - begun) / count if 1 <= count <= _TIMED else math.inf


def _checked(
    queries: Sequence[DenseQuery], collection: Collection, lsn: int
) -> list[Vector | QuadrilleError]:
    """The queries' vectors, or in place of one what is told to its caller and nobody else."""
    vectors = [item.query.vector for item in queries if item.query.vector is not None]
    fields = [f"{item.field}.vector" for item in queries]
    checked: list[Vector | QuadrilleError] = [*check_vectors(vectors, collection.spec, fields)]
    for place, item in enumerate(queries):
        try:
            check_target(collection, item.target, lsn)
        except QuadrilleError as error:
            checked[place] = error
    return checked
