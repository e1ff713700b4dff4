"""Collections of every kind of index, sealed and not, found through the service."""

import asyncio
from typing import Any

import numpy as np
import pytest

COUNT, DIMENSION = 200, 8
RNG = np.random.default_rng(5)
VECTORS = RNG.standard_normal((COUNT, DIMENSION)).astype(np.float32)
QUERY = RNG.standard_normal(DIMENSION).astype(np.float32)
KINDS = ["INDEX_KIND_HNSW", "INDEX_KIND_IVF_PQ", "INDEX_KIND_SCALAR_QUANTIZED"]
EFFORTS = ["SEARCH_EFFORT_DEFAULT", "SEARCH_EFFORT_ACCURATE", "SEARCH_EFFORT_EXACT"]


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"seal_at": 150, "audit_share": 1.0}


def nearest(numbers: np.ndarray) -> list[str]:
    distances = np.square(VECTORS[numbers].astype(np.float64) - QUERY).sum(axis=1)
    return [f"d{n}#0" for n in numbers[np.argsort(distances)][:10]]


@pytest.mark.parametrize("kind", KINDS)
async def test_hits_and_their_scores_are_exact_in_segments_and_beside_them(client: Any, kind: str) -> None:
    await client.make(dimension=DIMENSION, metric="METRIC_L2", index=kind)
    documents = [
        {"id": f"d{n}", "metadata": {"third": n % 3 == 0}, "chunks": [{"text": "x", "vector": v.tolist()}]}
        for n, v in enumerate(VECTORS)
    ]
    await client.put(*documents[:180])
    async with asyncio.timeout(60):
        while not (await client.call("admin.Stats", {})).segment_count:
            await asyncio.sleep(0.01)
    await client.put(*documents[180:])
    stats = await client.call("admin.Stats", {})
    assert (stats.vector_count, stats.segment_count) == (COUNT, 1)
    every = np.arange(COUNT)
    third = {"condition": {"field": "third", "equals": True}}
    for effort in EFFORTS:
        query = {"vector": QUERY.tolist(), "effort": effort}
        response = await client.search(query, explain=True)
        word = effort.removeprefix("SEARCH_EFFORT_").lower()
        explained = f"{kind.removeprefix('INDEX_KIND_').lower()}, {word}: 1 x scan, 20 vectors in no segment"
        assert response.plan.dense == explained
        assert [hit.chunk_id for hit in response.hits] == nearest(every)
        first = np.square(VECTORS.astype(np.float64) - QUERY).sum(axis=1).min()
        assert response.hits[0].score == pytest.approx(-first, rel=1e-12)
        for more in ({}, {"text": "x", "mode": "SEARCH_MODE_HYBRID"}):
            response = await client.search(query | {"filter": third, "topK": 67} | more)
            ranked = sorted(response.hits, key=lambda hit: hit.dense_rank or 1000)
            assert [hit.chunk_id for hit in ranked][:10] == nearest(every[::3])
    assert (await client.call("admin.Verify", {})).consistent


async def test_how_wide_a_graph_is_walked_is_calibrated_explained_and_exported(client: Any) -> None:
    await client.make(dimension=DIMENSION, index="INDEX_KIND_HNSW", hnsw={"m": 8, "efConstruction": 32})
    vectors = np.random.default_rng(6).standard_normal((2000, DIMENSION))
    chunks = [{"text": "x", "vector": vector.tolist()} for vector in vectors]
    await client.put({"id": "a", "chunks": chunks})
    async with asyncio.timeout(60):
        while not (await client.call("admin.Stats", {})).segment_count:
            await asyncio.sleep(0.01)
    response = await client.search({"vector": QUERY.tolist()}, explain=True)
    labels = {"index": "hnsw", "effort": "default"}
    width = await client.engine.in_thread(
        lambda: client.registry.get_sample_value("quadrille_retrieval_walk_width", labels)
    )
    assert 20 <= width < 32  # 2000 vectors are scanned sooner than walked through with more
    assert response.plan.dense == f"hnsw, default: 1 x walk of width {width:g}, 0 vectors in no segment"
