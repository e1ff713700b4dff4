"""The service as a process: starts, refuses a second one on its store, and drains."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry
from quadrille.retrieval.v1 import collection_pb2, collection_pb2_grpc
from retrieval.domain import CollectionSpec
from retrieval.index.flat import FlatIndex
from retrieval.index.set import IndexSet
from retrieval.metrics import StoreMetrics
from retrieval.store.sqlite.store import SqliteStore


def launch(tmp_path: Path, **options: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUADRILLE_")}
    environment |= {f"QUADRILLE_RETRIEVAL_{name}": value for name, value in options.items()}
    environment |= {"QUADRILLE_RETRIEVAL_DATA_DIR": str(tmp_path), "QUADRILLE_RETRIEVAL_METRICS_PORT": "0"}
    command = [sys.executable, "-m", "retrieval"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_serves_refuses_a_second_and_drains(tmp_path: Path) -> None:
    with launch(tmp_path, PORT="0") as first:
        port = _port(first)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(30)
            health = health_pb2_grpc.HealthStub(channel)
            for update in health.Watch(health_pb2.HealthCheckRequest(), timeout=30):
                if update.status == health_pb2.HealthCheckResponse.SERVING:
                    break
            stub = collection_pb2_grpc.CollectionServiceStub(channel)
            spec = collection_pb2.Collection(name="books", dimension=2)
            stub.CreateCollection(collection_pb2.CreateCollectionRequest(collection=spec), timeout=30)
            with launch(tmp_path, PORT="0") as second:
                _, complaint = second.communicate(timeout=60)
                assert second.returncode == 2
                assert "another retrieval server is using" in complaint.splitlines()[-1]
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
        assert first.returncode == 0


@pytest.mark.parametrize(
    ("option", "value"), [("READER_THREADS", "0"), ("INGEST_WINDOW", "many"), ("NONSENSE", "1")]
)
def test_a_bad_option_is_named(tmp_path: Path, option: str, value: str) -> None:
    with launch(tmp_path, **{option: value}) as process:
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 2
    assert complaint.count("\n") == 1
    assert option in complaint


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "listening":
            return int(event["port"])
    raise AssertionError("the service ended")


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("PRAGMA user_version = 99", "schema 99 and this program knows"),
        ("PRAGMA user_version = -1", "a database of something else"),
        ("UPDATE collections SET metric = 'nearness'", "database is damaged"),
        (None, "database is damaged"),
    ],
)
def test_a_store_that_it_cannot_read_is_left_alone(
    tmp_path: Path, damage: str | None, complaint: str
) -> None:
    folder = tmp_path / "retrieval"
    metrics = StoreMetrics(CollectorRegistry())
    store = SqliteStore(folder, IndexSet(FlatIndex, metrics), metrics)
    store.create_collection("t", CollectionSpec("c", 2)).result(30)
    store.close()
    path = folder / "store.sqlite3"
    if damage is None:
        path.write_bytes(b"no database at all " * 500)
    else:
        with sqlite3.connect(path) as database:
            database.execute(damage)
        database.close()
    before = path.read_bytes()
    with launch(tmp_path, PORT="0") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "retrieval cannot start: " in said.splitlines()[-1]
    assert complaint in said.splitlines()[-1]
    assert path.read_bytes() == before
