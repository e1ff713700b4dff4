"""What a pass answers on the event loop is what its thread would answer; what it cannot, it leaves to that thread."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from retrieval.dense import DensePass, DenseQuery
from retrieval.domain import (
    EVERYTHING,
    Access,
    Chunk,
    Collection,
    CollectionSpec,
    Document,
    Effort,
    Hit,
    Metric,
    Passage,
    Query,
    Reference,
)
from retrieval.filters import AnyOf
from retrieval.index.set import IndexSet
from retrieval.kept import KeptPassages
from retrieval.metrics import StoreMetrics
from retrieval.searching import Target
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import FailedPrecondition, InvalidInput

TARGET = Target("t", EVERYTHING, "c")
BOB, EVE = frozenset({"principal:bob"}), frozenset({"principal:eve"})


def document(name: str, x: float, *readers: str) -> Document:
    chunk = Chunk(f"text of {name}", vector=vector(x, 1.0))
    return Document(name, metadata={"x": x}, chunks=(chunk,), readers=readers)


def vector(*components: float) -> np.ndarray:
    return np.array(components, dtype=np.float32)


def item(access: Access = EVERYTHING, **changes: object) -> DenseQuery:
    query = Query(vector=vector(2.25, 1.0), top_k=3)
    return DenseQuery(replace(TARGET, access=access, **changes), query, "query")  # type: ignore[arg-type]


@pytest.fixture
def collection(store: SqliteStore) -> Collection:
    made = store.create_collection("t", CollectionSpec("c", 2, Metric.L2, embedding_model="m")).result()
    store.upsert(made, [document(f"d{i}", i) for i in range(9)], None).result()
    return made


@pytest.fixture
def dense(
    store: SqliteStore, indexes: IndexSet, metrics: StoreMetrics, kept: KeptPassages, collection: Collection
) -> DensePass:
    return DensePass(store, indexes, metrics, kept, at_once_s=60.0)  # however slow the machine is


@pytest.fixture
def warm(dense: DensePass) -> DensePass:
    dense.run([item()])
    return dense


def at_once(dense: DensePass, *items: DenseQuery) -> list:
    begun = dense.begin(items)
    assert not callable(begun)
    return list(begun)


def later(dense: DensePass, *items: DenseQuery) -> list:
    begun = dense.begin(items)
    assert callable(begun)
    return list(begun())


def named(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.passage.document_id for hit in hits]


def test_the_first_is_a_thread_s_and_its_repetition_is_not(dense: DensePass) -> None:
    ((first, collection),) = later(dense, item())
    ((again, same),) = at_once(dense, item())
    assert (again.hits, again.lsn, again.plan, same) == (first.hits, first.lsn, first.plan, collection)
    assert [kept.encoded for _, kept in again.ranking] == [hit.passage.text.encode() for hit in first.hits]


def test_passages_and_references_are_told_from_the_same_memory(dense: DensePass) -> None:
    whole = item()
    mere = replace(whole, query=replace(whole.query, with_passages=False))
    ((found, _),) = later(dense, mere)
    (passages, _), (references, _) = at_once(dense, whole, mere)
    assert references.hits == found.hits
    assert references.ranking == passages.ranking
    assert [kept.encoded_reference.decode() for _, kept in passages.ranking] == [
        hit.passage.id for hit in references.hits
    ]
    assert [type(hit.passage) for hit in (*passages.hits, *found.hits)] == [Passage] * 3 + [Reference] * 3


def test_a_write_is_seen_by_the_next_query(
    warm: DensePass, store: SqliteStore, collection: Collection
) -> None:
    lsn = store.upsert(collection, [document("near", 2.25), document("d2", -9)], None).result().lsn
    ((answer, _),) = later(warm, item(min_lsn=lsn))
    assert named(answer.hits)[0] == "near"
    assert "d2" not in named(answer.hits)
    assert answer.lsn == lsn
    assert at_once(warm, item(min_lsn=lsn))[0][0].hits == answer.hits
    store.delete(collection, ["near"]).result()
    ((answer, _),) = later(warm, item())
    assert "near" not in named(answer.hits)


def test_an_alias_is_followed_when_it_moves(warm: DensePass, store: SqliteStore) -> None:
    other = store.create_collection("t", CollectionSpec("other", 2)).result()
    store.upsert(other, [document("theirs", 1.0)], None).result()
    for name in ("c", "other"):
        store.swap_alias("t", "live", name).result()
        ((_, collection),) = later(warm, item(name="live"))
        assert collection.spec.name == name
        assert at_once(warm, item(name="live"))[0][1] == collection


def test_passages_that_memory_lacks_are_read_in_the_same_view(
    store: SqliteStore, indexes: IndexSet, metrics: StoreMetrics, collection: Collection
) -> None:
    dense = DensePass(store, indexes, metrics, KeptPassages(0, lambda _: b"form"), at_once_s=60.0)
    ((first, _),) = later(dense, item())
    ((again, _),) = later(dense, item())
    assert again.hits == first.hits
    unfinished = dense.begin([item()])
    assert callable(unfinished)
    store.delete(collection, [first.hits[0].passage.document_id]).result()
    ((answer, _),) = unfinished()
    assert named(answer.hits)[0] == first.hits[1].passage.document_id
    assert len(answer.hits) == 3


def test_nothing_is_told_at_once_to_who_may_not_read_it(
    dense: DensePass, store: SqliteStore, collection: Collection
) -> None:
    dense.run([item(BOB)])
    assert dense.shared_access(item(EVE).target) is EVERYTHING
    (bob, _), (eve, _) = at_once(dense, item(BOB), item(EVE))
    assert bob.hits == eve.hits
    store.upsert(collection, [document("bob", 2.25, "principal:bob")], None).result()
    assert dense.shared_access(item(EVE).target) == EVE
    for _ in range(2):
        (bob, _), (eve, _), (every, _) = later(dense, item(BOB), item(EVE), item())
        assert (named(bob.hits)[0], named(every.hits)[0]) == ("bob", "bob")
        assert "bob" not in named(eve.hits)
    dense.run([item()])
    assert named(at_once(dense, item())[0][0].hits)[0] == "bob"
    assert "bob" not in named(later(dense, item(EVE))[0][0].hits)


def test_what_speaks_against_one_query_is_told_to_it_alone(warm: DensePass) -> None:
    short = replace(item(), query=Query(vector=vector(1.0), top_k=3))
    found = at_once(warm, item(), short, item(embedding_model="other"), item(min_lsn=99))
    assert len(found[0][0].hits) == 3
    assert isinstance(found[1], InvalidInput)
    assert [error.reason for error in found[2:] if isinstance(error, FailedPrecondition)] == [
        "EMBEDDING_MODEL_MISMATCH",
        "LSN_UNKNOWN",
    ]


def test_nobody_waits_for_a_commit_on_the_event_loop(warm: DensePass, indexes: IndexSet) -> None:
    with indexes.lock.exclusive():
        assert callable(warm.begin([item()]))
    at_once(warm, item())


def test_a_store_that_is_replaced_is_not_answered_for_from_memory(
    warm: DensePass, store: SqliteStore, collection: Collection
) -> None:
    store.snapshot("first")
    store.upsert(collection, [document("gone", 2.25)], None).result()
    later(warm, item())
    store.restore("first").result()
    store.upsert(collection, [document("other", 2.25)], None).result()  # takes the number that `gone` had
    for find in (later, at_once):
        ((answer, _),) = find(warm, item())
        (_, kept), *_ = answer.ranking
        assert (kept.passage.text, kept.encoded) == ("text of other", b"text of other")


def test_a_restore_during_the_search_begins_it_anew(
    warm: DensePass, store: SqliteStore, indexes: IndexSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.snapshot("first")
    get: Callable[..., object] = indexes.get

    def restore_first(collection: int) -> object:
        monkeypatch.undo()
        store.restore("first").result()
        return get(collection)

    monkeypatch.setattr(indexes, "get", restore_first)
    assert len(later(warm, item())[0][0].hits) == 3


def test_explanations_are_a_thread_s(warm: DensePass) -> None:
    assert callable(warm.begin([item(explain=True)]))


def filtered(*values: float, access: Access = EVERYTHING) -> DenseQuery:
    asked = item(access)
    return replace(asked, query=replace(asked.query, filter=AnyOf("x", values)))


def test_what_a_filter_lets_through_is_remembered(warm: DensePass) -> None:
    ((first, _),) = later(warm, filtered(1.0, 7.0))
    ((again, _),) = at_once(warm, filtered(1.0, 7.0))
    assert named(first.hits) == ["d1", "d7"]
    assert (again.hits, again.plan) == (first.hits, first.plan)
    assert again.plan.filtered_chunk_count == 2
    assert named(later(warm, filtered(7.0))[0][0].hits) == ["d7"]
    assert named(later(warm, filtered(99.0))[0][0].hits) == []
    assert len(at_once(warm, item())[0][0].hits) == 3


def test_a_write_changes_what_a_filter_lets_through(
    warm: DensePass, store: SqliteStore, collection: Collection
) -> None:
    later(warm, filtered(1.0))
    store.upsert(collection, [replace(document("d5", 5.0), metadata={"x": 1.0})], None).result()
    for find in (later, at_once):
        assert named(find(warm, filtered(1.0))[0][0].hits) == ["d1", "d5"]


def test_what_a_filter_lets_through_is_told_at_once_to_who_may_read_it_alone(
    dense: DensePass, store: SqliteStore, collection: Collection
) -> None:
    later(dense, filtered(1.0, access=BOB))
    assert named(at_once(dense, filtered(1.0, access=EVE))[0][0].hits) == ["d1"]
    store.upsert(collection, [document("bob", 1.0, "principal:bob")], None).result()
    for _ in range(2):
        assert named(later(dense, filtered(1.0, access=BOB))[0][0].hits) == ["bob", "d1"]
        assert named(later(dense, filtered(1.0, access=EVE))[0][0].hits) == ["d1"]
    later(dense, filtered(1.0))
    assert named(at_once(dense, filtered(1.0))[0][0].hits) == ["bob", "d1"]
    assert named(later(dense, filtered(1.0, access=EVE))[0][0].hits) == ["d1"]


def test_what_the_store_keeps_no_longer_is_looked_up_again(warm: DensePass, store: SqliteStore) -> None:
    later(warm, filtered(1.0))
    store._remembered.chunk_sets._kept.clear()
    assert named(later(warm, filtered(1.0))[0][0].hits) == ["d1"]
    at_once(warm, filtered(1.0))


def test_what_was_timed_is_not_believed_once_searches_have_learned(
    warm: DensePass, indexes: IndexSet, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(warm, item())
    index = indexes.get(collection.id)
    for changes in (False, True):
        monkeypatch.setattr(index, "learn", lambda *_, changes=changes: changes)
        indexes.learn(collection.id, 10, Effort.DEFAULT, 0.5)
        (later if changes else at_once)(warm, item())


def test_what_would_take_long_is_a_thread_s(
    store: SqliteStore, indexes: IndexSet, metrics: StoreMetrics, kept: KeptPassages, collection: Collection
) -> None:
    dense = DensePass(store, indexes, metrics, kept, at_once_s=0.0)
    ((first, _),) = dense.run([item()])
    ((again, _),) = later(dense, item())
    assert again.hits == first.hits


@pytest.mark.parametrize("changes", [{"effort": Effort.EXACT}, {"top_k": 9}])
def test_what_was_never_timed_is_a_thread_s(warm: DensePass, changes: dict) -> None:
    asked = replace(item(), query=replace(item().query, **changes))
    later(warm, asked)
    at_once(warm, asked)
    at_once(warm, item())


@pytest.mark.parametrize(
    "queries", [[replace(item(), query=Query(vector=vector(1.0), top_k=3))], [item()] * 17]
)
def test_neither_refused_queries_nor_large_passes_tell_how_long_one_takes(
    dense: DensePass, queries: list[DenseQuery]
) -> None:
    dense.run([replace(item(), query=replace(item().query, effort=Effort.EXACT))])  # so that much is known
    for _ in range(2):
        dense.run(queries)
        assert callable(dense.begin([item()]))
    later(dense, item())
    at_once(dense, item())


def test_a_thread_asks_the_database_no_more_than_the_event_loop_does(
    warm: DensePass, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = warm.run([item()])
    monkeypatch.delattr(SqliteStore, "reading")
    ((answer, _),) = warm.run([item()])
    assert answer.hits == expected[0][0].hits
    with pytest.raises(AttributeError):
        warm.run([replace(item(), query=Query(vector=vector(-9.0, 1.0), top_k=9))])
