"""What a store of vectors is asked and answers: each runs in an environment of its own, which has numpy.

`python -m benchmarks.peers.NAME --data FOLDER` reads vectors.npy, queries.npy and nearest.npy (the ten nearest of each
query, by place), all of length 1; each line of standard output that begins with MARK is a JSON object.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.protocol import say

Vectors = NDArray[np.float32]
Found = Sequence[Sequence[int]] | NDArray[Any]
K, M, EF_CONSTRUCTION = 10, 32, 200
RECALL = 0.95
EFFORTS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
BLOCK, TUNED, BATCH, SECONDS = 1000, 500, 256, 10.0


class Store(Protocol):
    """A store that is filled once. Effort is what its own API calls ef, or nprobes."""

    @property
    def efforts(self) -> Sequence[int]:
        """From the least on."""

    def add(self, start: int, vectors: Vectors) -> None:
        """Add vectors (n, dimension) under the numbers from `start` on."""

    def finish(self) -> None:
        """Have all that was added indexed."""

    def search(self, queries: Vectors, effort: int) -> Found:
        """The numbers of the K nearest of each query, by one call of the store's API where it has one."""


def recall(found: Found, nearest: NDArray[np.int64]) -> float:
    """Share of the nearest that was found."""
    pairs = zip(found, nearest, strict=True)
    return sum(len({*map(int, ours)} & {*map(int, truth)}) for ours, truth in pairs) / nearest.size


def tuned(store: Store, queries: Vectors, nearest: NDArray[np.int64]) -> tuple[int, float]:
    """The least effort that reaches RECALL, or the most there is, and its recall."""
    for effort in store.efforts:
        found = [store.search(query[None], effort)[0] for query in queries[:TUNED]]
        reached = recall(found, nearest[:TUNED])
        if reached >= RECALL:
            break
    return effort, reached


def rate(search: Callable[[Vectors], Found], queries: Vectors, size: int) -> dict[str, float]:
    """Queries a second in calls of `size`, all queries or as many as SECONDS take, and the median call in ms."""
    taken: list[float] = []
    begun = time.perf_counter()
    for start in range(0, len(queries) - size + 1, size):
        before = time.perf_counter()
        search(queries[start : start + size])
        taken.append(time.perf_counter() - before)
        if time.perf_counter() - begun > SECONDS:
            break
    return {
        "queries_per_s": round(size * len(taken) / sum(taken), 1),
        "p50_ms": round(statistics.median(taken) * 1e3, 3),
    }


def resident_bytes(process: int | Literal["self"] = "self") -> int:
    """Resident memory of a process, by its number."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def main(packages: Sequence[str], make: Callable[[Path, int], Store]) -> None:
    """Be a peer: `make` is given an empty folder and the dimension."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data", type=Path, required=True, help="folder: vectors.npy, queries.npy, nearest.npy"
    )
    asked = parser.parse_args()
    say(versions=" ".join(f"{name} {version(name)}" for name in packages))
    vectors, queries, nearest = (
        np.load(asked.data / f"{name}.npy") for name in ("vectors", "queries", "nearest")
    )
    with tempfile.TemporaryDirectory() as folder:
        before, begun = resident_bytes(), time.perf_counter()
        store = make(Path(folder), vectors.shape[1])
        for start in range(0, len(vectors), BLOCK):
            store.add(start, vectors[start : start + BLOCK])
        store.finish()
        seconds, grown = time.perf_counter() - begun, resident_bytes() - before
        say(
            operation="ingest",
            vectors_per_s=round(len(vectors) / seconds, 1),
            bytes_per_vector=round(grown / len(vectors), 1),
        )
        effort, reached = tuned(store, queries, nearest)
        told = {"effort": effort, "recall": round(reached, 4)}
        for size in (1, 32, BATCH):
            found = rate(lambda part: store.search(part, effort), queries, size)
            say(operation="search", batch=size, **found, **told)
