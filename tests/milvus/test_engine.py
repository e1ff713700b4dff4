"""The engine as its settings put it together: whatever is searched, and by whom, is as without a Milvus."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from retrieval.__main__ import build_engine
from retrieval.config import RetrievalSettings
from retrieval.domain import EVERYTHING, Chunk, CollectionSpec, Document, Effort, IndexKind, Query, SearchMode
from retrieval.engine import Engine
from retrieval.filters import AnyOf
from retrieval.index.segmented import SegmentedIndex
from retrieval.maintenance import Maintenance
from retrieval.searching import Target

BOB, EVE = frozenset({"principal:bob"}), frozenset({"principal:eve"})
COUNT = 2500
VECTORS = np.random.default_rng(1).standard_normal((COUNT, 8)).astype(np.float32)


def document(number: int) -> Document:
    readers = ("principal:bob",) if number % 5 == 0 else ()
    chunk = Chunk(f"word{number % 7} word", vector=VECTORS[number])
    return Document(f"d{number}", chunks=(chunk,), readers=readers, metadata={"n": number % 10})


@pytest.fixture
async def engines(tmp_path: Path) -> AsyncIterator[list[Engine]]:
    """One with a Milvus, and one without."""
    made = []
    for name, uri in (("milvus", str(tmp_path / "milvus.db")), ("plain", None)):
        settings = RetrievalSettings(data_dir=tmp_path / name, seal_at=COUNT, milvus_uri=uri)
        engine = build_engine(settings, CollectorRegistry())
        await engine.start()
        made.append(engine)
        collection = await engine.create_collection("t", CollectionSpec("c", 8, index=IndexKind.HNSW))
        for start in range(0, COUNT, 500):
            await engine.upsert(
                "t", "c", [document(n) for n in range(start, start + 500)], "", None, EVERYTHING
            )
        index = engine.indexes.get(collection.id)
        assert isinstance(index, SegmentedIndex)
        while not index.segments:
            await asyncio.sleep(0.05)
    yield made
    for engine in made:
        await engine.stop()


async def test_every_search_finds_the_same(engines: list[Engine]) -> None:
    vector = VECTORS[7] + np.float32(0.1)
    exact = Effort.ACCURATE
    queries = [
        Query(vector=vector, effort=exact),
        Query(vector=vector, effort=Effort.EXACT),
        Query(vector=vector, filter=AnyOf("n", (3.0, 4.0, 5.0, 6.0, 7.0))),
        Query(vector=vector, filter=AnyOf("n", (3.0,)), top_k=100),
        Query(vector=vector, text="word3", mode=SearchMode.HYBRID, effort=exact),
        Query(text="word3"),
    ]
    for access in (EVERYTHING, BOB, EVE):
        target = Target("t", access, "c")
        fields = [f"queries[{i}]" for i in range(len(queries))]
        ours, plain = [await engine.search(target, queries, fields) for engine in engines]
        for mine, theirs in zip(ours, plain, strict=True):
            assert [(hit.passage.id, hit.score) for hit in mine.hits] == [
                (hit.passage.id, hit.score) for hit in theirs.hits
            ]
            assert len(mine.hits) >= 10


async def test_nothing_is_wrong_with_it(engines: list[Engine]) -> None:
    assert (await Maintenance(engines[0]).verify("t", "c")).findings == []
