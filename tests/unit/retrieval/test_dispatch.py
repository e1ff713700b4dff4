"""Who shares a pass with whom, seen by what each is answered and by how many passes there were."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from retrieval.dispatch import Dispatcher
from retrieval.domain import EVERYTHING, Access, Chunk, CollectionSpec, Document, Query, SearchMode
from retrieval.filters import AnyOf
from retrieval.index.set import IndexSet
from retrieval.kept import KeptPassages
from retrieval.metrics import StoreMetrics
from retrieval.searching import Target
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import DeadlineUnreachable, InvalidInput

DOCUMENTS = [("all", ()), ("staff", ("group:staff",)), ("bob", ("principal:bob",))]
CHUNK = Chunk("x", vector=np.full(2, 0.5**0.5, dtype=np.float32))
SEEN = {EVERYTHING: {"all", "staff", "bob"}, frozenset({"principal:bob"}): {"all", "bob"}}


def query(*components: float, **options: object) -> Query:
    return Query(vector=np.array(components, dtype=np.float32), **options)  # type: ignore[arg-type]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def dispatcher(
    store: SqliteStore, indexes: IndexSet, registry: CollectorRegistry, kept: KeptPassages
) -> AsyncIterator[Dispatcher]:
    for name in ("books", "other"):
        made = store.create_collection("t", CollectionSpec(name, 2)).result()
        documents = [
            Document(item, metadata={"name": item}, chunks=(CHUNK,), readers=readers)
            for item, readers in DOCUMENTS
        ]
        store.upsert(made, documents, None).result()
    with ThreadPoolExecutor(2) as threads:
        dispatcher = Dispatcher(store, indexes, StoreMetrics(registry), threads, kept)
        yield dispatcher
        dispatcher.close()


@pytest.fixture
def passes(registry: CollectorRegistry) -> Callable[[], float | None]:
    return lambda: registry.get_sample_value("quadrille_retrieval_pass_size_count")


async def test_callers_share_a_pass_only_with_those_who_may_read_the_same(
    dispatcher: Dispatcher, passes: Callable[[], float | None]
) -> None:
    accesses = [*SEEN] * 8
    answers = await asyncio.gather(
        *(dispatcher.answer(Target("t", who, "books"), [query(1, 0)], ["query"], None) for who in accesses)
    )
    for who, (answer,) in zip(accesses, answers, strict=True):
        assert {hit.passage.document_id for hit in answer.hits} == SEEN[who]
    assert passes() == 2


async def test_where_nothing_has_readers_all_callers_share_until_something_has(
    dispatcher: Dispatcher, store: SqliteStore, passes: Callable[[], float | None]
) -> None:
    made = store.create_collection("t", CollectionSpec("open", 2)).result()
    store.upsert(made, [Document("a", chunks=(CHUNK,))], None).result()

    async def ask(accesses: list[Access]) -> list[set[str]]:
        answers = await asyncio.gather(
            *(dispatcher.answer(Target("t", who, "open"), [query(1, 0)], ["query"], None) for who in accesses)
        )
        return [{hit.passage.document_id for hit in answer.hits} for (answer,) in answers]

    bob, eve = frozenset({"principal:bob"}), frozenset({"principal:eve"})
    await ask([bob])  # tells that nothing has readers
    assert await ask([bob, eve, EVERYTHING] * 4) == [{"a"}] * 12
    assert passes() == 2
    asking = asyncio.ensure_future(ask([bob, eve, EVERYTHING]))
    await asyncio.sleep(0)
    store.upsert(made, [Document("b", chunks=(CHUNK,), readers=("principal:bob",))], None).result()
    assert await asking in ([{"a", "b"}, {"a"}, {"a", "b"}], [{"a"}] * 3)
    assert await ask([bob, eve, EVERYTHING]) == [{"a", "b"}, {"a"}, {"a", "b"}]


async def test_tenants_whose_collections_have_one_name_share_nothing(
    dispatcher: Dispatcher, store: SqliteStore, passes: Callable[[], float | None]
) -> None:
    store.upsert(
        store.create_collection("u", CollectionSpec("books", 2)).result(),
        [Document("theirs", chunks=(CHUNK,))],
        None,
    ).result()
    tenants = ["t", "u"] * 8
    answers = await asyncio.gather(
        *(
            dispatcher.answer(Target(who, EVERYTHING, "books"), [query(1, 0)], ["query"], None)
            for who in tenants
        )
    )
    for who, (answer,) in zip(tenants, answers, strict=True):
        expected = SEEN[EVERYTHING] if who == "t" else {"theirs"}
        assert {hit.passage.document_id for hit in answer.hits} == expected
    assert passes() == 2


async def test_collections_and_filters_have_passes_of_their_own(
    dispatcher: Dispatcher, passes: Callable[[], float | None]
) -> None:
    cases = [
        (name, where) for name in ("books", "other") for where in (None, "staff", "bob") for _ in range(5)
    ]
    answers = await asyncio.gather(
        *(
            dispatcher.answer(
                Target("t", EVERYTHING, name),
                [query(1, 0, filter=AnyOf("name", (where,)) if where else None)],
                ["query"],
                None,
            )
            for name, where in cases
        )
    )
    for (_, where), (answer,) in zip(cases, answers, strict=True):
        expected = {where} if where else {"all", "staff", "bob"}
        assert {hit.passage.document_id for hit in answer.hits} == expected
    assert passes() == 6


async def test_a_batch_is_answered_in_order_in_parts(
    dispatcher: Dispatcher, passes: Callable[[], float | None]
) -> None:
    target = Target("t", EVERYTHING, "books")
    queries = [
        *(query(1, i, top_k=1) for i in range(70)), Query(text="x"), query(1, 0, top_k=2), query(1, 0, top_k=2)
    ]  # fmt: skip
    answers = await dispatcher.answer(target, queries, [f"queries[{i}]" for i in range(73)], None)
    assert [len(answer.hits) for answer in answers] == [1] * 70 + [3, 2, 2]
    assert answers[0].hits[0].score == pytest.approx(0.5**0.5)
    assert answers[69].hits[0].score == pytest.approx(70 / (2 * (1 + 69**2)) ** 0.5)
    assert passes() == 4  # of 32, 32, 6 and 2


async def test_what_is_wrong_with_one_query_fails_its_request_alone(dispatcher: Dispatcher) -> None:
    target = Target("t", EVERYTHING, "books")
    bad, good = await asyncio.gather(
        dispatcher.answer(target, [query(1, 0), query(1)], ["queries[0]", "queries[1]"], None),
        dispatcher.answer(target, [query(1, 0)], ["query"], None),
        return_exceptions=True,
    )
    assert isinstance(bad, InvalidInput)
    assert bad.field == "queries[1].vector"
    assert not isinstance(good, BaseException)
    assert len(good[0].hits) == 3


async def test_a_query_that_lacks_its_vector_is_told_before_any_is_searched_for(
    dispatcher: Dispatcher, passes: Callable[[], float | None]
) -> None:
    queries = [*(query(1, i) for i in range(70)), Query(mode=SearchMode.DENSE, text="x")]
    with pytest.raises(InvalidInput) as caught:
        await dispatcher.answer(
            Target("t", EVERYTHING, "books"), queries, [f"queries[{i}]" for i in range(71)], None
        )
    assert caught.value.field == "queries[70].vector"
    assert passes() == 0


async def test_a_deadline_that_has_passed_is_told(dispatcher: Dispatcher) -> None:
    with pytest.raises(DeadlineUnreachable):
        await dispatcher.answer(Target("t", EVERYTHING, "books"), [query(1, 0)], ["query"], 0.0)


async def test_a_large_batch_is_answered_in_order_once_its_collection_is_known(
    dispatcher: Dispatcher,
) -> None:
    target = Target("t", EVERYTHING, "books")
    queries = [query(1, i, top_k=1) for i in range(200)]
    fields = [f"queries[{i}]" for i in range(200)]
    for _ in range(2):
        answers = await dispatcher.answer(target, queries, fields, None)
        scores = [answer.hits[0].score for answer in answers]
        assert scores == pytest.approx([(1 + i) / (2 * (1 + i**2)) ** 0.5 for i in range(200)])


async def test_a_large_batch_goes_where_its_alias_points_when_it_comes(
    dispatcher: Dispatcher, store: SqliteStore
) -> None:
    other = store.create_collection("t", CollectionSpec("theirs", 2)).result()
    store.upsert(other, [Document("theirs", chunks=(CHUNK,))], None).result()
    queries, fields = [query(1, i) for i in range(100)], [f"queries[{i}]" for i in range(100)]
    for name, expected in (("books", SEEN[EVERYTHING]), ("theirs", {"theirs"}), ("books", SEEN[EVERYTHING])):
        store.swap_alias("t", "live", name).result()
        for _ in range(2):
            answers = await dispatcher.answer(Target("t", EVERYTHING, "live"), queries, fields, None)
            for answer in answers:
                assert {hit.passage.document_id for hit in answer.hits} == expected


async def test_a_large_batch_shows_nobody_what_others_may_read(
    dispatcher: Dispatcher, store: SqliteStore
) -> None:
    queries, fields = [query(1, i) for i in range(100)], [f"queries[{i}]" for i in range(100)]
    for _ in range(2):
        batches = await asyncio.gather(
            *(dispatcher.answer(Target("t", who, "books"), queries, fields, None) for who in SEEN)
        )
        for seen, answers in zip(SEEN.values(), batches, strict=True):
            for answer in answers:
                assert {hit.passage.document_id for hit in answer.hits} == seen


async def test_an_error_in_a_part_of_a_batch_is_told_for_all_of_it(dispatcher: Dispatcher) -> None:
    target = Target("t", EVERYTHING, "books")
    await dispatcher.answer(target, [query(1, 0)], ["query"], None)  # so that the collection is known
    queries = [query(1, i) for i in range(300)]
    queries[40] = query(1)
    with pytest.raises(InvalidInput) as caught:
        await dispatcher.answer(target, queries, [f"queries[{i}]" for i in range(300)], None)
    assert caught.value.field == "queries[40].vector"
