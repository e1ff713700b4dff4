"""A process that damages copies of a store and uses each as callers would; it prints how often what came of it.

Anything but a domain error ends it.
"""

import collections
import functools
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from prometheus_client import CollectorRegistry
from retrieval import durable
from retrieval.domain import Chunk, Collection, CollectionSpec, Document
from retrieval.filters import AnyOf
from retrieval.index.flat import FlatIndex
from retrieval.index.set import IndexSet
from retrieval.lexical import terms
from retrieval.metrics import StoreMetrics
from retrieval.store.sqlite import connection
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import QuadrilleError

WAIT_S = 60
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
# A disk that does not flush is as good here, and much faster.
connection._PRAGMAS = (*connection._PRAGMAS, "synchronous = OFF")
durable._sync = lambda *_: None


def opened(folder: Path) -> tuple[SqliteStore, IndexSet]:
    metrics = StoreMetrics(CollectorRegistry())
    indexes = IndexSet(FlatIndex, metrics)
    return SqliteStore(folder, indexes, metrics), indexes


def document(name: str) -> Document:
    chunks = tuple(Chunk(f"{name} word {i}", vector=np.full(4, i + 1, dtype=np.float32)) for i in range(3))
    return Document(name, "title", "uri", f"text of {name}", {"n": 1.0, "list": ["x", True]}, chunks)


def pristine(folder: Path) -> None:
    store, _ = opened(folder)
    for name in ("c", "d"):
        made = store.create_collection("t", CollectionSpec(name, 4)).result(WAIT_S)
        store.upsert(made, [document(f"{name}{i}") for i in range(30)], None).result(WAIT_S)
        store.delete(made, [f"{name}3"]).result(WAIT_S)
    store.swap_alias("t", "alias", "c").result(WAIT_S)
    store.snapshot("s")
    shutil.copytree(folder, folder.with_name("killed"))  # with a log that was not worked off
    store.close()


def damage(path: Path, source: random.Random) -> None:
    """Damage the database, or the log beside it when there is one."""
    log = path.with_name(f"{path.name}-wal")
    path = log if log.exists() and source.random() < 0.7 else path
    data = bytearray(path.read_bytes())
    kind = source.choice(["bit", "bit", "bytes", "page", "cut", "header"])
    place = source.randrange(len(data))
    if kind == "bit":
        data[place] ^= 1 << source.randrange(8)
    elif kind == "bytes":
        data[place : place + 16] = source.randbytes(16)
    elif kind == "page":
        start = place // 4096 * 4096
        data[start : start + 4096] = bytes(4096)
    elif kind == "cut":
        del data[place:]
    else:
        data[source.randrange(100)] ^= 1 << source.randrange(8)
    path.write_bytes(data)


def use(store: SqliteStore, indexes: IndexSet, attempt: Callable[[Callable[[], Any]], Any]) -> None:
    def reading(collection: Collection) -> None:
        with store.reading() as reader:
            page = reader.documents(collection.id, AnyOf("n", (1.0,)), "", 100, content=True)
            for item in page.documents[:5]:
                reader.document(collection.id, item.id, vectors=True)
            ids, _ = reader.lexical(collection.id, terms("word"), None, 100)
            reader.passages(ids)
            indexes.verify(collection, reader)

    def collections() -> list[Collection]:
        with store.reading() as reader:
            return reader.collections(None)

    found = attempt(collections) or []
    for collection in found:
        attempt(lambda c=collection: reading(c))
        attempt(lambda c=collection: store.upsert(c, [document("new"), document("c5")], None).result(WAIT_S))
        attempt(lambda c=collection: store.delete(c, ["c7", "d7"]).result(WAIT_S))
    attempt(lambda: store.verify(found).result(WAIT_S))
    attempt(lambda: store.rebuild(found).result(WAIT_S))
    attempt(lambda: store.snapshot("later"))
    attempt(lambda: store.compact().result(WAIT_S))
    attempt(lambda: store.restore("s").result(WAIT_S))
    attempt(lambda: store.delete_collection("t", "c").result(WAIT_S))


def main(folder: Path, first: int, count: int) -> None:
    outcomes: collections.Counter[str] = collections.Counter()

    def attempt(work: Callable[[], Any]) -> Any:
        try:
            result = work()
        except QuadrilleError as error:
            outcomes[type(error).__name__] += 1
            return None
        outcomes["done"] += 1
        return result

    pristine(folder / "pristine")
    for seed in range(first, first + count):
        copy = folder / str(seed)
        shutil.copytree(folder / ("killed" if seed % 3 == 0 else "pristine"), copy)
        damage(copy / "store.sqlite3", random.Random(seed))
        print(seed, file=sys.stderr, flush=True)  # the last line tells which one ended it
        if (both := attempt(functools.partial(opened, copy))) is not None:
            use(*both, attempt)
            both[0].close()
        shutil.rmtree(copy)
    for name, number in outcomes.items():
        print(name, number)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
