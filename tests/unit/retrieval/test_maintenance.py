"""What maintenance does beside writes."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from retrieval.__main__ import build_engine
from retrieval.config import RetrievalSettings
from retrieval.domain import EVERYTHING, Chunk, CollectionSpec, Document, IndexKind
from retrieval.engine import Engine
from retrieval.index.files import DamagedSegmentError, SegmentFiles
from retrieval.maintenance import Maintenance


def document(number: int) -> Document:
    return Document(f"d{number}", chunks=(Chunk("x", vector=np.array([1.0, number], dtype=np.float32)),))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = build_engine(RetrievalSettings(data_dir=tmp_path, seal_at=8), CollectorRegistry())
    await engine.start()
    collection = await engine.create_collection("t", CollectionSpec("c", 2, index=IndexKind.HNSW))
    await engine.upsert("t", "c", [document(n) for n in range(8)], "", None, EVERYTHING)
    while not engine.indexes.segmented()[collection.id].segments:
        await asyncio.sleep(0.01)
    yield engine
    await engine.stop()


async def test_writes_go_on_while_segments_files_are_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, written = threading.Event(), threading.Event()

    def check(*_: object) -> None:
        reading.set()
        assert written.wait(30)
        raise DamagedSegmentError("is not as written")

    monkeypatch.setattr(SegmentFiles, "check", check)
    verifying = asyncio.create_task(Maintenance(engine).verify("t", "c"))
    assert await asyncio.to_thread(reading.wait, 30)
    await engine.upsert("t", "c", [document(9)], "", None, EVERYTHING)
    written.set()
    (finding,) = (await verifying).findings
    assert finding.kind == "SEGMENT_DAMAGED"
