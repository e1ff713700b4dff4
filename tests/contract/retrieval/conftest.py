from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from retrieval.domain import Collection
from retrieval.index.flat import FlatIndex
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.store.base import Store
from retrieval.store.sqlite.store import SqliteStore

from .stored import SPEC

ADAPTERS = [SqliteStore]


@pytest.fixture
def indexes() -> IndexSet:
    return IndexSet(FlatIndex, StoreMetrics(CollectorRegistry()))


@pytest.fixture(params=ADAPTERS, ids=lambda adapter: adapter.__name__)
def reopen(
    request: pytest.FixtureRequest, tmp_path: Path, indexes: IndexSet
) -> Iterator[Callable[[], Store]]:
    """Open the store of this test, closing it first when it is open."""
    opened: list[Store] = []

    def make() -> Store:
        if opened:
            opened.pop().close()
        opened.append(request.param(tmp_path / "store", indexes, StoreMetrics(CollectorRegistry())))
        return opened[0]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


@pytest.fixture
def books(store: Store) -> Collection:
    return store.create_collection("acme", SPEC).result(10)
