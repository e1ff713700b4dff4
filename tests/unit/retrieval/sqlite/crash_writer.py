"""A process that writes until it is killed; it prints the number of each write once it is acknowledged."""

import sys
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry
from retrieval.domain import Chunk, CollectionSpec, Document
from retrieval.index.flat import FlatIndex
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.store.sqlite.store import SqliteStore
from serving.errors import NotFound

metrics = StoreMetrics(CollectorRegistry())
store = SqliteStore(Path(sys.argv[1]), IndexSet(FlatIndex, metrics), metrics)
number = int(sys.argv[2])
try:
    with store.reading() as reader:
        collection = reader.collection("t", "c")
except NotFound:
    collection = store.create_collection("t", CollectionSpec("c", 4)).result()


def acknowledge(sent: int) -> None:
    sys.stdout.write(f"{sent}\n")
    sys.stdout.flush()


while True:
    batch = []
    for _ in range(20):
        chunks = tuple(
            Chunk(f"word{number} again", vector=np.full(4, i + 1, dtype=np.float32)) for i in range(3)
        )
        write = store.upsert(collection, [Document(f"d{number}", text="x" * 3000, chunks=chunks)], 0)
        write.add_done_callback(lambda _, sent=number: acknowledge(sent))  # type: ignore[misc]
        batch.append(write)
        number += 1
    if number % 100 == 0:
        store.delete(collection, [f"d{number - 50}"]).result()
        sys.stdout.write(f"-{number - 50}\n")
        sys.stdout.flush()
    batch[-1].result()
