"""What the builder does once nothing is written."""

import itertools
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from retrieval.domain import CollectionSpec
from retrieval.index import builder, segmented

from .stack import SEAL_AT, SPEC, Stack, found


def test_segments_are_made_one_once_nothing_is_written(reopen: Callable[..., Stack]) -> None:
    stack = reopen()
    books = stack.make()
    stack.put(books, 1, 3 * SEAL_AT)
    stack.settle()
    stack.put(books, 101, SEAL_AT)
    stack.put(books, 201, 2)
    stack.settle()
    assert [len(segment.ids) for segment in stack.index(books).segments] == [3 * SEAL_AT, SEAL_AT + 2]
    stack = reopen(quiet_s=0.3)  # longer than the builder takes to look again: it wakes up by itself
    while len(stack.index(books).segments) > 1:
        time.sleep(0.01)
    stack.settle()
    (segment,) = stack.index(books).segments
    assert len(segment.ids) == 4 * SEAL_AT + 2
    assert len(stack.files) == 2
    assert found(stack, books.id, 201) == [4 * SEAL_AT + 1]
    assert stack.verify(books) == []


def test_writes_put_off_what_waits_for_quiet(
    reopen: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    clock = SimpleNamespace(monotonic=lambda: now, perf_counter=time.perf_counter)
    for module in (segmented, builder):
        monkeypatch.setattr(module, "time", clock)
    stack = reopen(quiet_s=30.0)
    books = stack.make()
    stack.put(books, 1, 2)
    stack.settle()
    assert stack.index(books).delta_count == 2
    now += 29
    stack.put(books, 3, 1)
    now += 29
    stack.put(stack.make(CollectionSpec("more", SPEC.dimension, index=SPEC.index)), 1, 1)  # wakes the builder
    stack.settle()
    assert stack.index(books).delta_count == 3
    stack.delete(books, range(3, 4))
    now += 29
    stack.indexes.changed()
    stack.settle()
    assert stack.index(books).delta_count == 2
    now += 2
    stack.indexes.changed()
    while stack.index(books).delta_count:
        time.sleep(0.01)
    assert [len(segment.ids) for segment in stack.index(books).segments] == [2]


def test_quiet_lasts_as_long_as_the_work_will_take(
    reopen: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "_VECTOR_S", 100.0)
    stack = reopen(quiet_s=0.01)
    books = stack.make()
    stack.put(books, 1, 2)
    time.sleep(0.1)
    stack.indexes.changed()
    stack.settle()
    assert stack.index(books).delta_count == 2


def test_how_long_work_takes_is_learned_from_builds(
    reopen: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count(step=100_000)  # for each build
    clock = SimpleNamespace(monotonic=time.monotonic, perf_counter=lambda: next(seconds))
    monkeypatch.setattr(builder, "time", clock)
    stack = reopen(quiet_s=0.01)
    books = stack.make()
    stack.put(books, 1, SEAL_AT)
    stack.settle()
    stack.put(books, 101, 2)
    time.sleep(0.1)
    stack.indexes.changed()
    stack.settle()
    assert stack.index(books).delta_count == 2
