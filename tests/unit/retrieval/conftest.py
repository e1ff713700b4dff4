from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from retrieval.domain import Passage, Reference
from retrieval.index.flat import FlatIndex
from retrieval.index.set import IndexSet
from retrieval.kept import KeptPassages
from retrieval.metrics import StoreMetrics
from retrieval.store.sqlite.store import SqliteStore


@pytest.fixture
def metrics() -> StoreMetrics:
    return StoreMetrics(CollectorRegistry())


@pytest.fixture
def indexes(metrics: StoreMetrics) -> IndexSet:
    return IndexSet(FlatIndex, metrics)


def form(passage: Reference) -> bytes:
    """What stands for the form in which it is sent."""
    return (passage.text if isinstance(passage, Passage) else passage.id).encode()


@pytest.fixture
def kept() -> KeptPassages:
    return KeptPassages(2**20, form)


@pytest.fixture
def open_store(
    tmp_path: Path, indexes: IndexSet, metrics: StoreMetrics
) -> Iterator[Callable[[], SqliteStore]]:
    opened: list[SqliteStore] = []

    def make(**options: int) -> SqliteStore:
        opened.append(SqliteStore(tmp_path / "retrieval", indexes, metrics, **options))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], SqliteStore]) -> SqliteStore:
    return open_store()
