"""kill -9 while writing: nothing acknowledged is lost, and what is derived matches."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry
from retrieval.index.flat import FlatIndex
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.store.sqlite.store import SqliteStore

KILLS = 5
WRITER = Path(__file__).with_name("crash_writer.py")


def write_until_killed(directory: Path, first: int, acknowledgements: int) -> list[int]:
    """Kill the writer in mid-flight after this many acknowledgements; returns all that came out."""
    command = [sys.executable, str(WRITER), str(directory), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledgements)]
        process.kill()
        lines += process.stdout.readlines()
    assert all(lines), "the writer ended by itself"
    return [int(line) for line in lines if line.endswith("\n")]  # the last line may be torn


def test_no_acknowledged_write_is_lost(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    alive: set[int] = set()
    gone: set[int] = set()
    first = 1
    for _ in range(KILLS):
        for number in write_until_killed(tmp_path / "store", first, int(rng.integers(20, 250))):
            (alive if number > 0 else gone).add(abs(number))
        metrics = StoreMetrics(CollectorRegistry())
        indexes = IndexSet(FlatIndex, metrics)
        store = SqliteStore(tmp_path / "store", indexes, metrics)
        with store.reading() as reader:
            collection = reader.collection("t", "c")
            held = {
                int(d.id[1:])
                for d in reader.documents(collection.id, None, "", 10**6, content=False).documents
            }
            assert alive - gone <= held
            assert not gone & held
            assert indexes.verify(collection, reader) == []
        assert store.verify([collection]).result(30) == []
        store.close()
        first = max(held | alive) + 1
