"""Segments in a Milvus are built, searched, worn, lost and dropped as those of files are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from pymilvus.exceptions import MilvusException
from retrieval.domain import Chunk, Collection, CollectionSpec, Document, Effort, Hnsw, IndexKind
from retrieval.index.builder import Builder
from retrieval.index.files import SegmentFiles
from retrieval.index.flat import FlatIndex
from retrieval.index.milvus.kind import MilvusKind, milvus_kinds
from retrieval.index.milvus.server import Milvus, identity, name_in
from retrieval.index.segmented import SegmentedIndex
from retrieval.index.set import IndexSet, Segments
from retrieval.metrics import StoreMetrics
from retrieval.rescoring import fetch_from
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import Unavailable

DIMENSION = 4
SPEC = CollectionSpec("books", DIMENSION, index=IndexKind.HNSW, options=Hnsw(m=8, ef_construction=40))
VECTORS = np.random.default_rng(0).standard_normal((3000, DIMENSION)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


@dataclass
class Stack:
    store: SqliteStore
    indexes: IndexSet
    builder: Builder
    milvus: Milvus
    directory: Path
    registry: CollectorRegistry

    def put(self, collection: Collection, *numbers: int) -> None:
        documents = [Document(f"d{n}", chunks=(Chunk(f"word{n}", vector=VECTORS[n]),)) for n in numbers]
        self.store.upsert(collection, documents, None).result(30)

    def settle(self) -> None:
        assert self.builder.wait_until_idle(120)

    def index(self, collection: Collection) -> SegmentedIndex:
        found = self.indexes.get(collection.id)
        assert isinstance(found, SegmentedIndex)
        return found

    def nearest(
        self, collection: Collection, number: int, k: int = 5, effort: Effort = Effort.DEFAULT
    ) -> list[str]:
        with self.indexes.lock.shared(), self.store.reading() as reader:
            fetch = fetch_from(reader, DIMENSION)
            ((ids, _),) = self.index(collection).search(VECTORS[[number]], k, None, effort, fetch)
            names = reader.chunk_names(ids)
            return [names[chunk].partition("#")[0] for chunk in ids.tolist()]

    @property
    def collections(self) -> list[str]:
        return sorted(self.milvus.client.list_collections())

    @property
    def named(self) -> list[str]:
        """Collections that segments' files name."""
        return sorted(filter(None, map(name_in, (self.directory / "segments").glob("*.index"))))

    def value(self, metric: str) -> float:
        return self.registry.get_sample_value(f"quadrille_retrieval_{metric}") or 0.0

    def close(self) -> None:
        self.builder.stop()
        self.store.close()


def truth(number: int, among: range, k: int = 5) -> list[str]:
    scores = VECTORS[among.start : among.stop] @ VECTORS[number]
    return [f"d{among.start + place}" for place in np.argsort(-scores)[:k]]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("milvus") / "milvus.db")


@pytest.fixture
def open_stack(tmp_path: Path, uri: str) -> Iterator[Callable[[], Stack]]:
    opened: list[Stack] = []

    def make() -> Stack:
        if opened:
            opened.pop().close()
        directory = tmp_path / "retrieval"
        directory.mkdir(exist_ok=True)
        registry = CollectorRegistry()
        metrics = StoreMetrics(registry)
        milvus = Milvus(uri, "", identity(directory / "milvus"))
        segments = Segments(SegmentFiles(directory / "segments", milvus), milvus_kinds(milvus))
        indexes = IndexSet(FlatIndex, metrics, segments)
        store = SqliteStore(directory, indexes, metrics)
        builder = Builder(store, indexes, segments, metrics, seal_at=1500)
        opened.append(Stack(store, indexes, builder, milvus, directory, registry))
        return opened[0]

    yield make
    for stack in opened:
        stack.close()
        for name in stack.collections:
            stack.milvus.drop_named(name)


@pytest.fixture
def stack(open_stack: Callable[[], Stack]) -> Stack:
    return open_stack()


@pytest.fixture
def books(stack: Stack) -> Collection:
    made = stack.store.create_collection("t", SPEC).result(10)
    stack.put(made, *range(1500))
    stack.settle()
    return made


def test_what_is_sealed_is_searched_there_and_the_rest_here(stack: Stack, books: Collection) -> None:
    stack.put(books, 1500, 1501)
    assert (stack.index(books).delta_count, stack.collections) == (2, stack.named)
    assert len(stack.collections) == 1
    for number in (3, 1500):
        for effort in Effort:
            assert stack.nearest(books, number, effort=effort) == truth(number, range(1502))
    assert not stack.index(books).in_memory
    assert stack.index(books).nbytes == 2 * 4 * DIMENSION


def test_what_was_deleted_or_replaced_is_not_found(stack: Stack, books: Collection) -> None:
    stack.store.delete(books, ["d3"]).result(10)
    stack.store.upsert(books, [Document("d5", chunks=(Chunk("moved", vector=-VECTORS[5]),))], None).result(10)
    assert "d3" not in stack.nearest(books, 3)
    assert "d5" not in stack.nearest(books, 5, 1)
    far = stack.nearest(books, 5, 1501)
    assert (len(far), far[-1]) == (1499, "d5")


def test_a_worn_segment_is_built_anew_and_the_old_one_dropped(stack: Stack, books: Collection) -> None:
    before = stack.collections
    stack.store.delete(books, [f"d{n}" for n in range(300)]).result(30)
    stack.settle()
    assert len(stack.collections) == 1
    assert stack.collections == stack.named != before
    assert stack.nearest(books, 7) == truth(7, range(300, 1500))


def test_a_deleted_collection_s_segments_are_dropped(stack: Stack, books: Collection) -> None:
    stack.store.delete_collection("t", "books").result(10)
    stack.settle()
    assert stack.collections == []


def test_a_start_takes_what_is_there_and_drops_what_nobody_names(
    open_stack: Callable[[], Stack], stack: Stack, books: Collection
) -> None:
    mine, orphan = stack.collections, stack.milvus.new_name()
    other = Milvus.__new__(Milvus)
    other._prefix = "quadrille_" + "f" * 32 + "_"
    theirs = other.new_name()
    for name in (orphan, theirs):
        stack.milvus.client.create_collection(name, dimension=2)
    again = open_stack()
    again.settle()
    assert again.collections == sorted([*mine, theirs])
    assert again.value("segment_build_seconds_count") == 0
    assert again.nearest(books, 9) == truth(9, range(1500))


def test_a_segment_that_its_milvus_lost_is_built_again(
    open_stack: Callable[[], Stack], stack: Stack, books: Collection
) -> None:
    stack.milvus.drop_named(stack.collections[0])
    with pytest.raises(Unavailable):
        stack.nearest(books, 9)
    again = open_stack()
    again.settle()
    assert again.value("damaged_segments_total") == 1
    assert again.nearest(books, 9) == truth(9, range(1500))
    assert again.collections == again.named
    again.milvus.drop_named(again.collections[0])
    again.store.between_writes(lambda reader: again.indexes.rebuild(books, reader)).result(30)
    assert again.nearest(books, 9) == truth(9, range(1500))
    again.settle()
    assert again.collections == again.named


def test_a_restore_goes_back(stack: Stack, books: Collection) -> None:
    stack.store.snapshot("first")
    stack.store.delete(books, [f"d{n}" for n in range(20)]).result(10)
    stack.store.restore("first").result(60)
    assert stack.nearest(books, 3) == truth(3, range(1500))
    stack.settle()
    assert stack.collections == stack.named
    assert stack.nearest(books, 3) == truth(3, range(1500))


def test_a_build_that_fails_leaves_nothing(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise MilvusException(message="no room")

    monkeypatch.setattr(stack.milvus.client, "create_index", fail)
    with pytest.raises(Unavailable):
        MilvusKind(stack.milvus, SPEC).build(VECTORS[:50])
    assert stack.collections == []


def test_a_build_that_is_given_up_leaves_nothing(stack: Stack) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        MilvusKind(stack.milvus, SPEC).build(VECTORS[:50], stop)
    assert stack.collections == []


def test_a_milvus_that_is_slow_to_answer_is_not_waited_for(
    stack: Stack, books: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.index.milvus.segment.ANSWER_S", 1e-6)
    with pytest.raises(Unavailable):
        stack.nearest(books, 9)


def test_files_name_collections_of_ours_only(tmp_path: Path) -> None:
    path = tmp_path / "x.index"
    for text in ("", "{", "[]", '{"collection": 3}', '{"collection": "theirs"}', "\xff"):
        path.write_text(text, encoding="latin-1")
        assert name_in(path) is None
    assert name_in(tmp_path / "none") is None


def test_a_store_s_identity_stays(tmp_path: Path) -> None:
    assert identity(tmp_path / "milvus") == identity(tmp_path / "milvus") != identity(tmp_path / "other")
