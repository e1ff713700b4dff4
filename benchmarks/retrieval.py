"""Retrieval: durable documents a second, queries a second by mode."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from quadrille_cli.stack import Ports
from quadrille_client import AsyncClient, Chunk, Document

from benchmarks.clock import timed
from benchmarks.report import Ratio, Report, percentile

DOCUMENTS, DIMENSION, QUERIES = 2000, 384, 200
WORDS = [f"word{number}" for number in range(500)]


def document(number: int, source: random.Random) -> Document:
    """A document of one chunk with a random unit-variance vector."""
    text = " ".join(source.choices(WORDS, k=60))
    chunk = Chunk(text, 0, len(text), [source.gauss(0, 1) for _ in range(DIMENSION)])
    return Document(f"d{number}", text, chunks=(chunk,))


async def measure(ports: Ports) -> Report:
    """Measure the retrieval service directly, through the SDK."""
    report, source = Report("retrieval"), random.Random(0)
    documents = [document(number, source) for number in range(DOCUMENTS)]
    async with AsyncClient(f"127.0.0.1:{ports.retrieval}", timeout=300) as client:
        await client.collections.create("alone", DIMENSION)
        await client.collections.create("stream", DIMENSION)

        async def stream(_index: int) -> None:
            async for _ in client.documents.ingest("stream", documents):
                pass

        alone, _ = await timed(200, 1, lambda index: client.documents.upsert("alone", [documents[index]]))
        streamed, _ = await timed(1, 1, stream)
        rates = {"upsert_one": 200 / alone, "ingest_stream": DOCUMENTS / streamed}
        for operation, rate in rates.items():
            report.rows.append({"operation": operation, "documents_per_s": round(rate, 1)})
        vector = documents[7].chunks[0].vector
        queries: dict[str, dict[str, Any]] = {
            "dense": {"vector": vector, "mode": "dense"},
            "lexical": {"text": "word1 word2", "mode": "lexical"},
            "hybrid": {"text": "word1 word2", "vector": vector, "mode": "hybrid"},
        }
        for mode, query in queries.items():
            seconds, latencies = await timed(QUERIES, 4, _search(client, query))
            report.rows.append(
                {
                    "operation": f"search_{mode}",
                    "chunks": DOCUMENTS,
                    "queries_per_s": round(QUERIES / seconds, 1),
                    "p50_ms": round(percentile(latencies, 0.5) * 1000, 2),
                    "p99_ms": round(percentile(latencies, 0.99) * 1000, 2),
                }
            )
    gain = rates["ingest_stream"] / rates["upsert_one"]
    report.ratios["ingest_stream_to_single_upserts"] = Ratio(round(gain, 2), 2.0, "higher")
    return report


def _search(client: AsyncClient, query: dict[str, Any]) -> Callable[[int], Awaitable[Any]]:
    async def search(_index: int) -> Any:
        return await client.search("stream", **query)

    return search
