import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from retrieval.audit import RecallAudit, Sample
from retrieval.domain import (
    Chunk,
    Collection,
    CollectionSpec,
    Document,
    Effort,
    Ids,
    IndexKind,
    Metric,
    Scores,
)
from retrieval.index.flat import FlatIndex
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import DataLoss, NotFound, Unavailable

COUNT, DIMENSION = 100, 4
VECTORS = np.random.default_rng(3).standard_normal((COUNT, DIMENSION)).astype(np.float32)
QUERY = np.ones(DIMENSION, dtype=np.float32)


class ForgetfulIndex(FlatIndex):
    """Finds nothing under odd ids; first it raises what is in `errors`. Keeps what it is to learn from."""

    errors: ClassVar[list[Exception]] = []
    learned: ClassVar[list[tuple[int, Effort, float]]] = []

    def learn(self, k: int, effort: Effort, recall: float) -> bool:
        self.learned.append((k, effort, recall))
        return k == 1

    def search(self, *args, **kwargs) -> list[tuple[Ids, Scores]]:
        if self.errors:
            raise self.errors.pop()
        found = super().search(*args, **kwargs)
        return [(ids[ids % 2 == 0], scores[ids % 2 == 0]) for ids, scores in found]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> StoreMetrics:
    return StoreMetrics(registry)


@pytest.fixture
def indexes(metrics: StoreMetrics) -> IndexSet:
    return IndexSet(ForgetfulIndex, metrics)


@pytest.fixture
def open_audit(
    store: SqliteStore, indexes: IndexSet, metrics: StoreMetrics
) -> Iterator[Callable[..., RecallAudit]]:
    opened: list[RecallAudit] = []

    def make(share: float = 1.0, chance: Callable[[], float] = lambda: 0.5) -> RecallAudit:
        opened.append(RecallAudit(store, indexes, metrics, share=share, chance=chance))
        return opened[-1]

    yield make
    for audit in opened:
        audit.stop()


@pytest.fixture
def books(store: SqliteStore) -> Collection:
    spec = CollectionSpec("books", DIMENSION, Metric.INNER_PRODUCT, IndexKind.HNSW)
    made = store.create_collection("t", spec).result(10)
    documents = [Document(f"d{n}", chunks=(Chunk("x", vector=vector),)) for n, vector in enumerate(VECTORS)]
    store.upsert(made, documents, None).result(10)
    return made


def true_ids(k: int, allowed: Ids) -> Ids:
    scores = VECTORS[allowed - 1] @ QUERY
    return allowed[np.argsort(-scores)][:k]


@pytest.mark.parametrize("allowed", [None, np.arange(10, 60, dtype=np.int64)])
def test_recall_is_the_share_of_the_true_nearest(
    open_audit: Callable[..., RecallAudit], books: Collection, allowed: Ids | None
) -> None:
    nearest = true_ids(10, np.arange(1, COUNT + 1) if allowed is None else allowed)
    found = open_audit().recalls([Sample(books, QUERY, 10, allowed, Effort.DEFAULT)])[0]
    assert found == np.count_nonzero(nearest % 2 == 0) / 10
    assert 0 < found < 1


def test_more_than_there_are_may_be_asked_for(
    open_audit: Callable[..., RecallAudit], books: Collection
) -> None:
    audit = open_audit()
    assert audit.recalls([Sample(books, QUERY, 1000, None, Effort.DEFAULT)]) == [0.5]
    nothing = np.empty(0, dtype=np.int64)
    assert audit.recalls([Sample(books, QUERY, 5, nothing, Effort.DEFAULT)]) == []


def test_equal_scores_are_as_good_as_each_other(
    open_audit: Callable[..., RecallAudit], store: SqliteStore, books: Collection
) -> None:
    best = VECTORS[0] * 0 + 9
    documents = [Document(f"e{n}", chunks=(Chunk("x", vector=best),)) for n in range(8)]
    store.upsert(books, documents, None).result(10)
    assert open_audit().recalls([Sample(books, QUERY, 4, None, Effort.DEFAULT)]) == [1.0]


def test_a_collection_made_anew_is_another(
    open_audit: Callable[..., RecallAudit], store: SqliteStore, books: Collection
) -> None:
    sample = Sample(books, QUERY, 4, None, Effort.DEFAULT)
    store.delete_collection("t", "books").result(10)
    with pytest.raises(NotFound):
        open_audit().recalls([sample])
    store.create_collection("t", CollectionSpec("books", 2)).result(10)
    with pytest.raises(NotFound):
        open_audit().recalls([sample])


def test_what_is_offered_is_observed_until_the_audit_stops(
    open_audit: Callable[..., RecallAudit], books: Collection, registry: CollectorRegistry
) -> None:
    audit, labels = open_audit(), {"index": "hnsw", "effort": "accurate"}
    audit.offer(books, QUERY[None, :], 10, None, Effort.ACCURATE)
    while not (seen := registry.get_sample_value("quadrille_retrieval_recall_count", labels)):
        audit._thread.join(0.01)
        assert audit._thread.is_alive()
    (recall,) = audit.recalls([Sample(books, QUERY, 10, None, Effort.ACCURATE)])
    audit.stop()
    with pytest.raises(Unavailable):
        audit.recalls([Sample(books, QUERY, 10, None, Effort.ACCURATE)])
    assert (seen, registry.get_sample_value("quadrille_retrieval_recall_sum", labels)) == (1, recall)


def test_indexes_learn_from_queries_that_all_may_be_found_by(
    open_audit: Callable[..., RecallAudit],
    books: Collection,
    registry: CollectorRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ForgetfulIndex, "learned", [])
    audit, some = open_audit(), np.arange(10, 60, dtype=np.int64)
    labels = [{"index": "hnsw", "effort": effort} for effort in ("accurate", "default")]
    while not all(registry.get_sample_value("quadrille_retrieval_recall_count", each) for each in labels):
        for effort, allowed in ((Effort.ACCURATE, some), (Effort.DEFAULT, None)):
            audit.offer(books, QUERY[None, :], 10, allowed, effort)
        audit._thread.join(0.01)
        assert audit._thread.is_alive()
    audit.stop()
    recall = np.count_nonzero(true_ids(10, np.arange(1, COUNT + 1)) % 2 == 0) / 10
    assert ForgetfulIndex.learned[0] == (10, Effort.DEFAULT, recall)
    assert {effort for _, effort, _ in ForgetfulIndex.learned} == {Effort.DEFAULT}


def test_what_was_found_before_walks_changed_is_not_learned_from(
    open_audit: Callable[..., RecallAudit], books: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ForgetfulIndex, "learned", [])
    audit = open_audit()
    for k, learned in ((1, 1), (2, 3)):
        audit._audit([Sample(books, QUERY, k, None, Effort.DEFAULT)] * 3)
        assert len([each for each in ForgetfulIndex.learned if each[0] == k]) == learned


def test_a_collection_that_is_little_known_is_audited_sooner(
    open_audit: Callable[..., RecallAudit], books: Collection
) -> None:
    audit, other = open_audit(), replace(books, id=77)
    audit.stop()
    audit._audit([Sample(books, QUERY, 2, None, Effort.DEFAULT)] * 1023)  # which fails, for it was stopped
    assert audit._rest(books) == 9
    audit._audit([Sample(books, QUERY, 2, None, Effort.DEFAULT)])
    assert (audit._rest(books), audit._rest(other)) == (49, 9)


def test_the_next_audit_waits_in_proportion_to_the_last(
    open_audit: Callable[..., RecallAudit], books: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit, waits = open_audit(), list[float]()
    monkeypatch.setattr(audit, "_audit", lambda samples: time.sleep(0.001))
    monkeypatch.setattr(audit, "_rest", lambda collection: 1e6)
    monkeypatch.setattr(audit._stopping, "wait", waits.append)
    while not waits:
        audit.offer(books, QUERY[None, :], 2, None, Effort.DEFAULT)
        audit._thread.join(0.01)
    assert waits[0] >= 0.001 * 1e6


def test_queries_that_wait_together_are_compared_together(
    open_audit: Callable[..., RecallAudit], books: Collection
) -> None:
    audit = open_audit()
    some = np.arange(10, 60, dtype=np.int64)
    queries = np.random.default_rng(5).standard_normal((9, DIMENSION)).astype(np.float32)
    for allowed in (None, some):
        samples = [Sample(books, query, 10, allowed, Effort.DEFAULT) for query in queries]
        alone = [audit.recalls([sample])[0] for sample in samples]
        assert audit.recalls(samples) == alone
        assert len(set(alone)) > 1
    alike = Sample(books, QUERY, 10, some, Effort.DEFAULT)
    assert alike.is_like(replace(alike, query=queries[0]))
    for change in (
        {"k": 9},
        {"effort": Effort.ACCURATE},
        {"allowed": None},
        {"allowed": some.copy()},
        {"collection": replace(books, id=77)},
    ):
        assert not alike.is_like(replace(alike, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [DataLoss("damaged"), MemoryError()])
def test_an_audit_that_fails_is_not_the_last(
    open_audit: Callable[..., RecallAudit],
    books: Collection,
    registry: CollectorRegistry,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    monkeypatch.setattr(ForgetfulIndex, "errors", [error])
    audit, labels = open_audit(), {"index": "hnsw", "effort": "default"}
    while not registry.get_sample_value("quadrille_retrieval_recall_count", labels):
        audit.offer(books, QUERY[None, :], 10, None, Effort.DEFAULT)
        audit._thread.join(0.01)
        assert audit._thread.is_alive()


def test_only_the_share_of_what_may_be_inexact_is_taken(
    open_audit: Callable[..., RecallAudit], books: Collection
) -> None:
    never, audit = open_audit(share=0.5), open_audit()
    flat = replace(books, spec=replace(books.spec, index=IndexKind.FLAT))
    for auditor, collection, effort in (
        (never, books, Effort.DEFAULT),
        (audit, flat, Effort.DEFAULT),
        (audit, books, Effort.EXACT),
    ):
        auditor.stop()  # so that nobody takes what is waiting
        while not auditor._waiting.empty():
            auditor._waiting.get_nowait()
        auditor.offer(collection, QUERY[None, :], 10, None, effort)
        assert auditor._waiting.empty()
    audit.offer(books, np.stack([QUERY, QUERY]), 10, None, Effort.DEFAULT)
    assert audit._waiting.qsize() == 2
    audit.offer(books, np.tile(QUERY, (80, 1)), 10, None, Effort.DEFAULT)
    assert audit._waiting.full() and audit._waiting.qsize() < 80
