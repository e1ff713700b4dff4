"""Any history of writes, reopenings and restores leaves what a dict would hold, and a consistent store."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from prometheus_client import CollectorRegistry
from retrieval.domain import Chunk, Collection, CollectionSpec, Document
from retrieval.filters import AnyOf
from retrieval.index.flat import FlatIndex
from retrieval.index.set import IndexSet
from retrieval.lexical import terms
from retrieval.metrics import StoreMetrics
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import AlreadyExists, NotFound, VersionConflict

NAMES = st.sampled_from(["a", "b", "c", "d"])
COLLECTIONS = st.sampled_from(["x", "y"])
WORDS = ("red", "green", "blue")
TEXTS = st.lists(st.sampled_from(WORDS), max_size=3)

Model = dict[str, dict[str, tuple[int, list[str]]]]


class StoreMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.model: Model = {}
        self.saved: dict[str, tuple[Model, int]] = {}
        self.lsn = 0
        self.open()

    def open(self) -> None:
        metrics = StoreMetrics(CollectorRegistry())
        self.indexes = IndexSet(FlatIndex, metrics)
        self.store = SqliteStore(self.directory, self.indexes, metrics)

    def collection(self, name: str) -> Collection:
        with self.store.reading() as reader:
            return reader.collection("t", name)

    @rule(name=COLLECTIONS)
    def create(self, name: str) -> None:
        write = self.store.create_collection("t", CollectionSpec(name, 2))
        if name in self.model:
            assert isinstance(write.exception(10), AlreadyExists)
        else:
            write.result(10)
            self.model[name], self.lsn = {}, self.lsn + 1

    @rule(name=COLLECTIONS)
    def drop(self, name: str) -> None:
        write = self.store.delete_collection("t", name)
        if name in self.model:
            assert write.result(10) == len(self.model.pop(name))
            self.lsn += 1
        else:
            assert isinstance(write.exception(10), NotFound)

    @rule(
        name=COLLECTIONS, documents=st.dictionaries(NAMES, TEXTS, min_size=1), expected=st.none() | st.just(1)
    )
    def upsert(self, name: str, documents: dict[str, list[str]], expected: int | None) -> None:
        if name not in self.model:
            return
        held = self.model[name]
        sent = [
            Document(
                key,
                metadata={"count": float(len(texts))},
                chunks=tuple(
                    Chunk(text, vector=np.array([1, i], dtype=np.float32)) for i, text in enumerate(texts)
                ),
            )
            for key, texts in documents.items()
        ]
        write = self.store.upsert(self.collection(name), sent, expected)
        if expected is not None and any(held.get(key, (0, []))[0] != expected for key in documents):
            assert isinstance(write.exception(10), VersionConflict)
            return
        for (key, texts), version in zip(documents.items(), write.result(10).versions, strict=True):
            assert version == held.get(key, (0, []))[0] + 1
            held[key] = (version, texts)
        self.lsn += 1

    @rule(name=COLLECTIONS, keys=st.lists(NAMES, max_size=3))
    def delete(self, name: str, keys: list[str]) -> None:
        if name in self.model:
            gone = set(keys) & set(self.model[name])
            assert self.store.delete(self.collection(name), keys).result(10).count == len(gone)
            self.forget(name, gone)

    @rule(name=COLLECTIONS, count=st.integers(0, 3))
    def delete_by_filter(self, name: str, count: int) -> None:
        if name in self.model:
            gone = {key for key, (_, texts) in self.model[name].items() if len(texts) == count}
            where = AnyOf("count", (float(count),))
            assert self.store.delete(self.collection(name), where).result(10).count == len(gone)
            self.forget(name, gone)

    def forget(self, name: str, gone: set[str]) -> None:
        self.lsn += bool(gone)
        for key in gone:
            del self.model[name][key]

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.open()

    @rule()
    def crash(self) -> None:
        """What is on disk at this moment is all that there is: what a killed process leaves."""
        killed = Path(tempfile.mkdtemp()) / "store"
        shutil.copytree(self.directory, killed)
        self.store.close()
        shutil.rmtree(self.directory)
        self.directory = killed
        self.open()

    @rule(name=st.sampled_from(["s1", "s2"]))
    def save_or_restore(self, name: str) -> None:
        if name in self.saved:
            model, self.lsn = self.saved[name]
            self.model = {key: dict(held) for key, held in model.items()}
            assert self.store.restore(name).result(10).last_lsn == self.lsn
        else:
            assert self.store.snapshot(name).lsn == self.lsn
            self.saved[name] = ({key: dict(held) for key, held in self.model.items()}, self.lsn)

    @rule()
    def compact(self) -> None:
        self.store.compact().result(10)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        with self.store.reading() as reader:
            assert reader.lsn == self.lsn
            collections = reader.collections("t")
            assert [c.spec.name for c in collections] == sorted(self.model)
            for collection in collections:
                held = self.model[collection.spec.name]
                page = reader.documents(collection.id, None, "", 100, content=True)
                assert {d.id: (d.version, [chunk.text for chunk in d.chunks]) for d in page.documents} == held
                assert collection.document_count == len(held)
                for word in WORDS:
                    ids, _ = reader.lexical(collection.id, terms(word), None, 100)
                    assert set(reader.chunk_names(ids).values()) == {
                        f"{key}#{i}"
                        for key, (_, ts) in held.items()
                        for i, text in enumerate(ts)
                        if text == word
                    }
                assert self.indexes.verify(collection, reader) == []
        assert self.store.verify(collections).result(10) == []

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.directory)


StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
test_store_is_a_dict = StoreMachine.TestCase
