import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from retrieval import failpoints
from retrieval.domain import CollectionSpec, Effort, Vector
from retrieval.index import builder
from retrieval.index.base import Sealed
from retrieval.index.kinds import FaissKind

from .stack import SEAL_AT, SPEC, Stack, document, found, small_graphs


class PausingKind:
    """Builds when it may."""

    def __init__(self, kind: FaissKind) -> None:
        self.kind = kind
        self.reached, self.may = threading.Event(), threading.Event()

    def build(self, vectors: Vector, checkpoint: Callable[[], None]) -> Sealed:
        self.reached.set()
        assert self.may.wait(30)
        return self.kind.build(vectors, checkpoint)


class EndlessKind(PausingKind):
    """Builds until it may not any more."""

    def build(self, vectors: Vector, checkpoint: Callable[[], None]) -> Sealed:
        self.reached.set()
        while True:
            checkpoint()
            time.sleep(0.001)


def give(stack: Stack, make: type[PausingKind]) -> PausingKind:
    kind = small_graphs(SPEC)
    assert kind and stack.indexes.segments
    made = make(kind)
    object.__setattr__(stack.indexes.segments, "kind_of", lambda spec: made)
    return made


@pytest.fixture
def pausing(stack: Stack) -> PausingKind:
    return give(stack, PausingKind)


def test_a_delta_is_sealed_once_it_is_large_enough(stack: Stack) -> None:
    books = stack.make()
    stack.put(books, 1, SEAL_AT - 1)
    stack.settle()
    assert stack.files == []
    stack.put(books, SEAL_AT, 3)
    stack.settle()
    index = stack.index(books)
    assert [len(segment.ids) for segment in index.segments] == [SEAL_AT + 2]
    assert index.delta_count == 0
    assert len(stack.files) == 2
    (record,) = stack.records(books)
    assert record == index.segments[0].record
    assert stack.verify(books) == []
    measured = stack.indexes.measure()
    assert (measured.segment_count, measured.sealed_count, measured.unsealed_count) == (1, SEAL_AT + 2, 0)
    assert measured.segment_bytes == sum((stack.directory / name).stat().st_size for name in stack.files)


def test_writes_and_searches_go_on_while_a_segment_is_built(stack: Stack, pausing: PausingKind) -> None:
    books = stack.make()
    stack.put(books, 1, 20)
    assert pausing.reached.wait(30)
    assert found(stack, books.id, 3) == [3]
    stack.put(books, 100, 2)
    stack.delete(books, range(3, 4))
    stack.put(books, 5, 1)  # replaced: a new chunk
    pausing.may.set()
    stack.settle()
    (segment,) = stack.index(books).segments
    assert segment.ids.tolist() == list(range(1, 21))
    assert set(segment.ids.tolist()) - set(segment.live_ids().tolist()) == {3, 5}
    assert stack.index(books).delta_count == 3
    assert found(stack, books.id, 3) != [3]
    assert found(stack, books.id, 5) == [23]
    assert found(stack, books.id, 100) == [21]
    assert stack.verify(books) == []


def test_a_fifth_of_tombstones_is_built_away_and_the_disk_gets_its_space_back(stack: Stack) -> None:
    books = stack.make()
    stack.put(books, 1, 40)
    stack.settle()
    before, size = stack.files, stack.indexes.measure().segment_bytes
    stack.delete(books, range(1, 8))
    stack.settle()
    assert stack.files == before
    assert stack.indexes.measure().tombstone_count == 7
    stack.delete(books, range(8, 21))
    stack.settle()
    measured = stack.indexes.measure()
    assert (measured.sealed_count, measured.tombstone_count) == (20, 0)
    assert measured.segment_bytes < 0.7 * size
    assert len(stack.files) == 2
    assert not set(stack.files) & set(before)
    stack.delete(books, range(21, 41))
    stack.settle()
    assert stack.files == []
    assert len(stack.index(books)) == 0
    assert stack.verify(books) == []


def test_small_segments_are_merged_into_the_next(stack: Stack) -> None:
    books = stack.make()
    for step in range(4):
        stack.put(books, 1 + step * SEAL_AT, SEAL_AT)
        stack.settle()
    assert [len(segment.ids) for segment in stack.index(books).segments] == [4 * SEAL_AT]
    assert len(stack.files) == 2
    assert stack.verify(books) == []


def test_a_deleted_collection_takes_its_files_along(stack: Stack) -> None:
    books, more = stack.make(), stack.make(CollectionSpec("more", SPEC.dimension, index=SPEC.index))
    for collection in (books, more):
        stack.put(collection, 1, SEAL_AT)
    stack.settle()
    kept = stack.index(more).segments[0].record.token
    stack.store.delete_collection("t", "books").result(10)
    stack.settle()
    assert stack.files == [f"{kept}.ids", f"{kept}.index"]


@pytest.mark.parametrize("replace", ["delete", "repair"])
def test_what_was_built_of_an_index_that_is_gone_is_never_published(
    stack: Stack, pausing: PausingKind, replace: str
) -> None:
    books = stack.make()
    stack.put(books, 1, SEAL_AT)
    assert pausing.reached.wait(30)
    if replace == "delete":
        stack.store.delete_collection("t", "books").result(10)
        expected = 0
    else:
        stack.rebuild(books)
        expected = 2  # built once more
    pausing.may.set()
    stack.settle()
    assert len(stack.files) == expected
    records = stack.records(books)
    assert [f"{record.token}.ids" for record in records] == stack.files[:1]


@pytest.mark.parametrize("replace", ["delete", "repair", "restore"])
def test_what_is_gone_as_soon_as_it_is_published_leaves_no_files(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, replace: str
) -> None:
    books = stack.make()
    stack.store.snapshot("empty")
    published, may = threading.Event(), threading.Event()

    def pause(name: str) -> None:
        if name == "segment.after_manifest":
            published.set()
            assert may.wait(30)

    monkeypatch.setattr(failpoints, "hit", pause)
    stack.put(books, 1, SEAL_AT)
    assert published.wait(30)
    if replace == "delete":
        stack.store.delete_collection("t", "books").result(10)
    elif replace == "repair":
        stack.rebuild(books)
    else:
        stack.store.restore("empty").result(10)
    may.set()
    stack.settle()
    records = stack.records(books)
    assert len(records) == (replace == "repair")  # built once more
    assert stack.files == [f"{record.token}.{part}" for record in records for part in ("ids", "index")]


def test_a_restore_forgets_segments_even_one_that_is_being_built(stack: Stack, pausing: PausingKind) -> None:
    books = stack.make()
    stack.store.snapshot("empty")
    pausing.may.set()
    stack.put(books, 1, SEAL_AT)
    stack.settle()
    stack.store.snapshot("sealed")
    pausing.may.clear()
    pausing.reached.clear()
    stack.put(books, 101, 2 * SEAL_AT)
    assert pausing.reached.wait(30)
    stack.store.restore("empty").result(10)
    stack.put(books, 201, 2)  # the numbers of chunks begin anew
    pausing.may.set()
    stack.settle()
    assert stack.files == []
    assert stack.verify(books) == []
    assert found(stack, books.id, 201) == [1]
    stack.store.restore("sealed").result(10)
    assert stack.value("damaged_segments_total") == 0  # what is gone on purpose is no damage
    stack.settle()
    assert len(stack.files) == 2
    assert stack.verify(books) == []
    assert found(stack, books.id, 3) == [3]


@pytest.mark.parametrize("place", ["segment.before_fsync", "segment.before_rename"])
def test_a_full_disk_leaves_no_files_and_is_tried_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(builder, "_RETRY_S", 0.01)
    failpoints.arm([f"{place}=full@1"])
    books = stack.make()
    stack.put(books, 1, SEAL_AT)
    stack.settle()
    assert stack.value("segment_build_failures_total") == 1
    assert len(stack.files) == 2
    assert stack.verify(books) == []


def test_what_cannot_be_taken_off_the_manifest_is_tried_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = stack.make()
    stack.put(books, 1, SEAL_AT)
    stack.settle()
    monkeypatch.setattr(builder, "_RETRY_S", 0.01)
    failpoints.arm(["write.before_commit=error@1"])
    stack.rebuild(books)
    stack.settle()
    assert stack.value("segment_build_failures_total") == 1
    (record,) = stack.records(books)
    assert stack.files == [f"{record.token}.ids", f"{record.token}.index"]
    assert stack.verify(books) == []


def test_what_falls_due_while_others_are_looked_at_is_not_forgotten(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = stack.make()
    stack.put(books, 1, SEAL_AT)
    stack.settle()
    stack.delete(books, range(1, 2))  # what is left is too little to be built again
    monkeypatch.setattr(builder, "_RETRY_S", 0.01)
    plan = stack.builder._plan
    monkeypatch.setattr(stack.builder, "_plan", lambda index: time.sleep(0.03) or plan(index))
    failpoints.arm(["write.before_commit=error@1"])
    stack.rebuild(books)
    stack.settle()
    assert stack.value("segment_build_failures_total") == 1
    assert stack.records(books) == []


def test_nothing_is_built_of_chunks_that_the_database_lost(stack: Stack) -> None:
    books = stack.make()
    stack.put(books, 1, SEAL_AT - 1)
    stack.store._writer.alone(
        lambda connection: connection.execute("DELETE FROM vectors WHERE chunk = 2").rowcount
    ).result(10)
    stack.put(books, SEAL_AT, 1)
    while not stack.value("segment_build_failures_total"):
        stack.builder._thread.join(0.01)
        assert stack.builder._thread.is_alive()
    assert (stack.files, stack.verify(books)) == ([], ["VECTOR_INDEX_MISMATCH"])
    stack.rebuild(books)
    assert stack.verify(books) == []


def test_a_collection_that_cannot_be_built_keeps_no_other_waiting(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = FaissKind.build

    def build(kind: FaissKind, vectors: Vector, checkpoint: Callable[[], None]) -> Sealed:
        if len(vectors) == SEAL_AT:
            raise MemoryError
        return built(kind, vectors, checkpoint)

    monkeypatch.setattr(FaissKind, "build", build)
    books, more = stack.make(), stack.make(CollectionSpec("more", SPEC.dimension, index=SPEC.index))
    stack.put(books, 1, SEAL_AT)
    stack.put(more, 1, SEAL_AT + 1)
    for _ in range(600):
        if stack.index(more).delta_count == 0 and stack.value("segment_build_failures_total"):
            break
        threading.Event().wait(0.05)
    assert (stack.index(books).delta_count, stack.index(more).delta_count) == (SEAL_AT, 0)
    assert not stack.builder.wait_until_idle(0)
    assert found(stack, books.id, 3) == [3]


def test_a_build_that_runs_does_not_keep_the_service_from_stopping(
    reopen: Callable[[], Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "_STOP_TIMEOUT_S", 0.01)
    stack = reopen()
    pausing = give(stack, PausingKind)
    books = stack.make()
    stack.put(books, 1, SEAL_AT)
    assert pausing.reached.wait(30)
    thread = stack.builder._thread
    stack.close()
    pausing.may.set()
    thread.join(30)
    assert not thread.is_alive()
    assert stack.files == []
    assert reopen().indexes.get(books.id).mismatch([]) == f"holds {SEAL_AT} vectors, the database 0"


def test_a_build_ends_at_its_next_checkpoint_when_the_service_stops(reopen: Callable[[], Stack]) -> None:
    stack = reopen()
    endless = give(stack, EndlessKind)
    stack.put(stack.make(), 1, SEAL_AT)
    assert endless.reached.wait(30)
    stack.close()
    assert not stack.builder._thread.is_alive()
    assert (stack.files, stack.value("segment_build_failures_total")) == ([], 0)


def test_a_build_ends_at_its_next_checkpoint_when_its_collection_is_deleted(stack: Stack) -> None:
    endless = give(stack, EndlessKind)
    stack.put(stack.make(), 1, SEAL_AT)
    assert endless.reached.wait(30)
    stack.store.delete_collection("t", "books").result(10)
    stack.settle()
    assert (stack.files, stack.value("segment_build_failures_total")) == ([], 0)


def test_every_search_sees_index_and_store_agree_while_both_change(stack: Stack) -> None:
    books = stack.make()
    done = threading.Event()
    query = document(1000).chunks[0].vector
    assert query is not None

    def look() -> int:
        looks = 0
        while not done.is_set() or not looks:
            with stack.indexes.lock.shared(), stack.store.reading() as reader:
                index = stack.index(books)
                stored = reader.vector_ids(books.id)
                assert len(index) == len(stored)
                ((ids, _),) = index.search(query[None, :], len(stored) + 1, None, Effort.EXACT)
                assert sorted(ids.tolist()) == stored.tolist()
            looks += 1
        return looks

    with ThreadPoolExecutor(2) as threads:
        looking = [threads.submit(look) for _ in range(2)]
        for step in range(30):
            stack.put(books, 6 * step, 10)  # four of them for the second time
            stack.delete(books, range(3 * step, 3 * step + 3))
        stack.settle()
        done.set()
        assert all(looks.result(60) for looks in looking)
    assert stack.verify(books) == []
    assert stack.value("segment_build_seconds_count") > 1
