"""One search: candidates from the vector index and the lexical index, ranked, fused and fetched. Blocking."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from serving.errors import FailedPrecondition, InvalidInput, NotFound

from retrieval import fusion, limits
from retrieval.audit import RecallAudit
from retrieval.domain import (
    Access,
    Answer,
    Collection,
    DistributionBased,
    Hit,
    Ids,
    Plan,
    Query,
    Ranked,
    ReciprocalRank,
    Reference,
    Scores,
    SearchMode,
)
from retrieval.index import exact
from retrieval.index.set import IndexSet
from retrieval.lexical import any_of, terms
from retrieval.metrics import StoreMetrics
from retrieval.ranking import rank
from retrieval.selecting import first_depth, lacks_documents, reference_of, select
from retrieval.store.base import Store
from retrieval.store.reader import Reader
from retrieval.validation import check_vector
from retrieval.vector_search import VectorQuery, VectorSearch

# Ties with the last candidate are followed this far, so that equal scores are cut by chunk id.
_MAX_TIES = 4096
_SLACK = 32

_Candidates = tuple[Ids, Scores]
_Found = tuple[tuple[Hit, ...], Plan, Collection, int]


@dataclass(frozen=True, slots=True)
class Target:
    """What to search. `expected` pins a batch to the collection that its first query met.

    Plans tell how vectors are searched when `explain` is set.
    """

    tenant: str
    access: Access
    name: str
    embedding_model: str = ""
    min_lsn: int | None = None
    expected: int | None = None
    explain: bool = False


class Searcher:
    """Searches a store and its indexes; any number of threads may."""

    def __init__(
        self, store: Store, indexes: IndexSet, metrics: StoreMetrics, audit: RecallAudit | None = None
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._vectors = VectorSearch(indexes, audit)
        self._metrics = metrics

    def search(self, target: Target, query: Query, field: str) -> tuple[Answer, Collection]:
        """Return the answer and the collection that it came from; `field` is the query's path in the request.

        Raises NotFound, InvalidInput, and FailedPrecondition on another embedding model or an unknown LSN.
        """
        started = time.perf_counter()
        mode = resolve_mode(query, field)
        depth = first_depth(query, mode)
        while (found := self._attempt(target, query, mode, depth, field)) is None:
            depth *= limits.CANDIDATE_FACTOR
        hits, plan, collection, lsn = found
        seconds = time.perf_counter() - started
        self._metrics.search_seconds.labels(mode.value).observe(seconds)
        return Answer(hits, lsn, plan, seconds), collection

    def _attempt(
        self, target: Target, query: Query, mode: SearchMode, depth: int, field: str
    ) -> _Found | None:
        """Search with so many candidates of each ranking, in one view; None when more of them are needed."""
        with contextlib.ExitStack() as view:
            with self._indexes.lock.shared():  # no commit between opening the view and searching the index
                reader = view.enter_context(self._store.reading(target.access))
                collection = reader.collection(target.tenant, target.name)
                check_target(collection, target, reader.lsn)
                with self._metrics.stages["filter"].time():
                    allowed = reader.matching_chunks(collection.id, query.filter)
                dense, how = exact.NOTHING, ""
                if mode is not SearchMode.LEXICAL:
                    assert query.vector is not None
                    vector = check_vector(query.vector, collection.spec, f"{field}.vector")
                    asked = VectorQuery(vector[None, :], depth, allowed, query.effort)
                    with self._metrics.stages["vectors"].time():
                        (dense,) = self._vectors.search(reader, collection, asked)
                    how = self._vectors.explain(collection, asked) if target.explain else ""
            words = terms(query.text) if mode is not SearchMode.DENSE else []
            with self._metrics.stages["words"].time() if words else contextlib.nullcontext():
                lexical = _lexical(reader, collection.id, words, query, depth)
            names = reader.chunk_names(np.union1d(dense[0], lexical[0]))
            numbers = {name: number for number, name in names.items()}
            dense_ranks = rank(dense, names, depth)
            lexical_ranks = rank(lexical, names, depth)
            scores = _fuse(query, mode, dense_ranks, lexical_ranks)
            best = select(query, mode, scores, numbers, reader, collection.spec.dimension)
            if lacks_documents(query, mode, scores, best) and depth in (len(dense_ranks), len(lexical_ranks)):
                return None
            with self._metrics.stages["passages"].time():
                chosen = np.array([numbers[name] for name in best], dtype=np.int64)
                passages: Mapping[int, Reference] = (
                    reader.passages(chosen)
                    if query.with_passages
                    else {numbers[name]: reference_of(name) for name in best}
                )
                vectors = reader.chunk_vectors(chosen) if query.with_vectors else {}
        hits = tuple(
            Hit(
                passages[number],
                scores[name],
                dense_ranks.get(name),
                lexical_ranks.get(name),
                vector=vectors.get(number),
            )
            for name, number in zip(best, chosen.tolist(), strict=True)
        )
        for ranking, ranks in (("dense", dense_ranks), ("lexical", lexical_ranks)):
            if mode.value in (ranking, "hybrid"):
                self._metrics.candidates.labels(ranking).observe(len(ranks))
        plan = Plan(
            mode=mode,
            dense=how,
            lexical=any_of(words),
            filtered_chunk_count=None if allowed is None else len(allowed),
            dense_candidate_count=len(dense_ranks),
            lexical_candidate_count=len(lexical_ranks),
        )
        return hits, plan, collection, reader.lsn


def resolve_mode(query: Query, field: str) -> SearchMode:
    """Return what shall rank the chunks; raises InvalidInput when the query lacks what that needs."""
    mode = query.mode
    if mode is None:
        if query.vector is None and not query.text:
            raise InvalidInput(field, "needs a vector or text")
        if query.vector is None:
            return SearchMode.LEXICAL
        return SearchMode.HYBRID if query.text else SearchMode.DENSE
    if mode is not SearchMode.LEXICAL and query.vector is None:
        raise InvalidInput(f"{field}.vector", f"must be set for a {mode.value} search")
    if mode is not SearchMode.DENSE and not query.text:
        raise InvalidInput(f"{field}.text", f"must be set for a {mode.value} search")
    return mode


def check_stamp_matches(collection: Collection, stamp: str) -> None:
    """Raise FailedPrecondition when both stamps are set and differ: such vectors cannot be compared."""
    wanted = collection.spec.embedding_model
    if wanted and stamp and wanted != stamp:
        raise FailedPrecondition(
            "EMBEDDING_MODEL_MISMATCH",
            f"collection {collection.spec.name!r} holds vectors of {wanted!r}, not of {stamp!r}",
        )


def check_target(collection: Collection, target: Target, lsn: int) -> None:
    """Raise NotFound or FailedPrecondition when the collection, seen up to `lsn`, is not the one to search."""
    if target.expected is not None and collection.id != target.expected:
        raise NotFound("collection", target.name)
    check_stamp_matches(collection, target.embedding_model)
    if target.min_lsn is not None and target.min_lsn > lsn:
        # A write is visible before its number is given out, so there is never anything to wait for.
        raise FailedPrecondition(
            "LSN_UNKNOWN", f"min_lsn {target.min_lsn} was never given out: the last write is {lsn}"
        )


def _lexical(reader: Reader, collection: int, words: Sequence[str], query: Query, depth: int) -> _Candidates:
    if not words:
        return exact.NOTHING
    wanted = depth + _SLACK
    while True:
        ids, scores = reader.lexical(collection, words, query.filter, wanted)
        if len(ids) < wanted or scores[-1] < scores[depth - 1] or wanted >= depth + _MAX_TIES:
            return ids, scores
        wanted = min(2 * wanted, depth + _MAX_TIES)


def _fuse(
    query: Query, mode: SearchMode, dense: dict[str, Ranked], lexical: dict[str, Ranked]
) -> dict[str, float]:
    if mode is not SearchMode.HYBRID:
        return {name: ranked.score for name, ranked in (dense or lexical).items()}
    if isinstance(query.fusion, ReciprocalRank):
        return fusion.reciprocal_rank([list(dense), list(lexical)], query.fusion.k)
    scores = [{name: ranked.score for name, ranked in ranking.items()} for ranking in (dense, lexical)]
    if isinstance(query.fusion, DistributionBased):
        return fusion.distribution_based(scores)
    return fusion.weighted(scores, [query.fusion.dense, query.fusion.lexical])
