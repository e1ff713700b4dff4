"""Any history of writes, builds, restarts, damage and restores searches like one flat index of what was written."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from retrieval.domain import CollectionSpec, Effort, Vector
from retrieval.index.flat import FlatIndex
from serving.errors import NotFound

from .stack import DIMENSION, SPEC, document, open_stack

NUMBERS = st.sets(st.integers(0, 60), min_size=1, max_size=25)


def vector(number: int) -> Vector:
    found = document(number).chunks[0].vector
    assert found is not None
    return found


QUERIES = np.stack([vector(number) for number in (1000, 1001, 1002)])


class Lifecycle(RuleBasedStateMachine):
    """The model is the set of documents, and what snapshots hold of it."""

    @initialize()
    def open(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.stack = open_stack(self.directory)
        self.model: set[int] | None = None
        self.saved: dict[str, set[int] | None] = {}
        self.make()

    @rule()
    def make(self) -> None:
        if self.model is None:
            self.books = self.stack.make()
            self.model = set()

    @rule(numbers=NUMBERS)
    def put(self, numbers: set[int]) -> None:
        if self.model is not None:
            items = [document(number) for number in sorted(numbers)]
            self.stack.store.upsert(self.books, items, None).result(10)
            self.model |= numbers

    @rule(numbers=NUMBERS)
    def delete(self, numbers: set[int]) -> None:
        if self.model is not None:
            self.stack.store.delete(self.books, [f"d{n}" for n in numbers]).result(10)
            self.model -= numbers

    @rule()
    def drop(self) -> None:
        if self.model is not None:
            self.stack.store.delete_collection("t", SPEC.name).result(10)
            self.model = None

    @rule()
    def settle(self) -> None:
        self.stack.settle()
        measured = self.stack.indexes.measure()
        assert measured.tombstone_count <= 0.2 * measured.sealed_count
        assert len(self.stack.files) == 2 * measured.segment_count

    @rule(damaged=st.none() | st.integers(0, 9), byte=st.integers(0, 10_000))
    def reopen(self, damaged: int | None, byte: int) -> None:
        self.stack.close()
        files = self.stack.files
        if damaged is not None and files:
            path = self.stack.directory / files[damaged % len(files)]
            content = bytearray(path.read_bytes())
            content[byte % len(content)] ^= 0xFF
            path.write_bytes(bytes(content))
        self.stack = open_stack(self.directory)

    @rule()
    def repair(self) -> None:
        if self.model is not None:
            self.stack.rebuild(self.books)

    @rule(name=st.sampled_from(["s1", "s2"]))
    def save_or_restore(self, name: str) -> None:
        if name not in self.saved:
            self.stack.store.snapshot(name)
            self.saved[name] = None if self.model is None else set(self.model)
            return
        self.stack.store.restore(name).result(10)
        saved = self.saved[name]
        self.model = None if saved is None else set(saved)
        with self.stack.store.reading() as reader:
            try:
                self.books = reader.collection("t", SPEC.name)
            except NotFound:
                assert saved is None

    @invariant()
    def searches_like_a_flat_index(self) -> None:
        if self.model is None:
            return
        numbers = sorted(self.model)
        truth = FlatIndex(CollectionSpec("c", DIMENSION))
        if numbers:
            truth.add(np.array(numbers, dtype=np.int64), np.stack([vector(number) for number in numbers]))
        expected = [[f"d{n}#0" for n in ids.tolist()[:5]] for ids, _ in truth.search(QUERIES, 5)]
        with self.stack.indexes.lock.shared(), self.stack.store.reading() as reader:
            found = self.stack.indexes.get(self.books.id).search(QUERIES, 5, None, Effort.EXACT)
            names = [[reader.chunk_names(ids)[number] for number in ids.tolist()[:5]] for ids, _ in found]
        assert names == expected
        damaged = self.stack.verify(self.books)
        assert damaged == []

    def teardown(self) -> None:
        self.stack.close()
        shutil.rmtree(self.directory)


Lifecycle.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
test_segments_are_a_flat_index = Lifecycle.TestCase
