import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from retrieval.__main__ import build_engine
from retrieval.audit import RecallAudit
from retrieval.config import RetrievalSettings
from retrieval.domain import EVERYTHING, CollectionSpec, Query
from retrieval.searching import Target
from serving.errors import InvalidInput, Unavailable


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("retrieval-")}


async def test_an_engine_that_stops_leaves_no_thread_and_refuses(tmp_path: Path) -> None:
    before = threads()
    engine = build_engine(RetrievalSettings(data_dir=tmp_path), CollectorRegistry())
    target, query = Target("t", EVERYTHING, "books"), Query(text="word")
    with pytest.raises(Unavailable):
        await engine.search(target, [query], ["query"])
    await engine.start()
    await engine.create_collection("t", CollectionSpec("books", 2))
    many = [Query(vector=np.ones(2, dtype=np.float32))] * 64
    assert len(await engine.search(target, many, ["queries"] * len(many))) == 64
    await engine.search(target, [query], ["query"])
    names = {thread.name.rpartition("_")[0] or thread.name for thread in threads() - before}
    assert names == {f"retrieval-{name}" for name in ("reader", "bulk", "writer", "builder", "audit")}
    await engine.stop()
    assert threads() == before
    for refused in (engine.search(target, [query], ["query"]), engine.list_collections("t", "", 10)):
        with pytest.raises(Unavailable):
            await refused


async def test_vectors_of_an_answer_take_half_of_a_message(tmp_path: Path) -> None:
    settings = RetrievalSettings(data_dir=tmp_path, max_message_bytes=1024)
    engine = build_engine(settings, CollectorRegistry())
    await engine.start()
    await engine.create_collection("t", CollectionSpec("books", 2))
    target, query = Target("t", EVERYTHING, "books"), Query(text="word", top_k=64, with_vectors=True)
    await engine.search(target, [query], ["query"])
    with pytest.raises(InvalidInput, match=r"^query\.parts: "):
        await engine.search(target, [replace(query, top_k=65)], ["query"])
    await engine.search(target, [replace(query, top_k=65, with_vectors=False)], ["query"])
    await engine.stop()


async def test_what_cannot_be_stopped_keeps_nothing_else_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(audit: RecallAudit) -> None:
        stopped(audit)
        raise OSError("broken")

    before, stopped = threads(), RecallAudit.stop
    monkeypatch.setattr(RecallAudit, "stop", stop)
    engine = build_engine(RetrievalSettings(data_dir=tmp_path), CollectorRegistry())
    await engine.start()
    with pytest.raises(OSError, match="broken"):
        await engine.stop()
    assert threads() == before


async def test_a_start_that_fails_half_way_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **options: object) -> None:
        raise OSError("no thread")

    before = threads()
    monkeypatch.setattr("retrieval.__main__.Builder", broken)
    engine = build_engine(RetrievalSettings(data_dir=tmp_path), CollectorRegistry())
    with pytest.raises(OSError, match="no thread"):
        await engine.start()
    assert threads() > before
    await engine.stop()
    assert threads() == before
