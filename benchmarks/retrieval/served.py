"""Ours, as users run it: a process that is asked over gRPC."""

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from quadrille.retrieval.v1 import (
    collection_pb2,
    collection_pb2_grpc,
    document_pb2,
    document_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
)

from benchmarks.peers.vectors import M, recall, resident_bytes
from benchmarks.retrieval.engines import OURS, RECALL_CLIENTS, REFERENCES
from benchmarks.retrieval.load import Load, closed
from benchmarks.retrieval.vectors import SHARES, K, Vectors, Workload
from benchmarks.service import Running, running

NAME, BLOCK, WRITERS = "bench", 250, 2
BATCHES, BATCH_CALLERS = (32, 256), 2
UNSEALED, SEGMENTS = "quadrille_retrieval_unsealed_vectors", "quadrille_retrieval_segments"
SEAL_AT = 4096  # with fewer vectors left over none are built in before it is quiet
SEALING_S = 4 * 3600.0  # how long that may take
AUDITED = "quadrille_retrieval_recall_count"
ENOUGH, LEARNING_S = 1024, 300.0  # audited queries tell what walks suffice; how long that may take
LET_GO_S = 5.0  # after that the segments which a new one replaces are let go of
OPTIONS = [("grpc.max_receive_message_length", 64 * 2**20)]


class Served:
    """The service with one collection."""

    def __init__(self, service: Running, channel: grpc.aio.Channel, work: Workload, index: str) -> None:
        self.service = service
        self._work = work
        self._index = index
        self._collections = collection_pb2_grpc.CollectionServiceStub(channel)
        self._documents = document_pb2_grpc.DocumentServiceStub(channel)
        self._searches = search_pb2_grpc.SearchServiceStub(channel)

    async def fill(self) -> dict[str, Any]:
        """A row: documents of one chunk each, written and acknowledged, then indexed, and then in one segment."""
        collection: dict[str, Any] = {
            "name": NAME,
            "dimension": self._work.vectors.shape[1],
            "index": f"INDEX_KIND_{self._index.upper()}",
        }
        if self._index == "hnsw":
            collection["hnsw"] = {"m": M}
        request = collection_pb2.CreateCollectionRequest()
        await self._collections.CreateCollection(json_format.ParseDict({"collection": collection}, request))
        before, begun = resident_bytes(self.service.pid), time.perf_counter()
        blocks = iter(range(0, len(self._work.vectors), BLOCK))

        async def write() -> None:
            for start in blocks:
                await self._documents.UpsertDocuments(self._block(start))

        await asyncio.gather(*(write() for _ in range(WRITERS)))
        written = time.perf_counter() - begun
        indexed = await self._falls(UNSEALED, SEAL_AT - 1, begun)
        settled = await self._falls(SEGMENTS, 1, begun)
        await asyncio.sleep(LET_GO_S)
        grown = resident_bytes(self.service.pid) - before
        count = len(self._work.vectors)
        return {
            "engine": OURS,
            "operation": "ingest",
            "acknowledged_per_s": round(count / written, 1),
            "vectors_per_s": round(count / indexed, 1),
            "one_segment_after_s": round(settled, 1),
            "bytes_per_vector": round(grown / count, 1),
            "index_bytes_per_vector": round(
                self.service.counted("quadrille_retrieval_vector_bytes") / count, 1
            ),
        }

    async def _falls(self, gauge: str, most: int, begun: float) -> float:
        """The seconds since `begun` once a gauge is at most this."""
        while self.service.counted(gauge) > most:
            if time.perf_counter() - begun > SEALING_S:
                raise RuntimeError("its index was not built in four hours")
            await asyncio.sleep(0.5)
        return time.perf_counter() - begun

    async def search(self, clients: int, calls: int, *, references: bool = False) -> Load:
        """Single queries, over and over."""
        requests = [*itertools.islice(itertools.cycle(self.requests(references=references)), calls)]
        return await self.ask(requests, clients)

    async def ask(self, requests: Sequence[search_pb2.SearchRequest], clients: int) -> Load:
        """These, once each."""
        return await closed(self._searches.Search, requests, clients)

    async def batches(self, size: int, *, references: bool = False) -> dict[str, Any]:
        """A row: queries by so many in a call."""
        queries = [request.query for request in self.requests(references=references)]
        requests = [
            search_pb2.BatchSearchRequest(collection=NAME, queries=queries[start : start + size])
            for start in range(0, len(queries) - size + 1, size)
        ]
        await closed(self._searches.BatchSearch, requests[:2], 1)
        load = await closed(self._searches.BatchSearch, [*requests] * 3, BATCH_CALLERS)
        operation = "batch_search" + (REFERENCES if references else "")
        told = {"engine": OURS, "operation": operation, "batch": size, "callers": BATCH_CALLERS}
        return {**told, **load.figures(size)}

    async def learn(self) -> None:
        """Ask as one client does, while audits tell the service how wide its walks need be."""
        begun, before = time.perf_counter(), self.service.counted(AUDITED)
        while self.service.counted(AUDITED) - before < ENOUGH and time.perf_counter() - begun < LEARNING_S:
            await self.search(1, len(self._work.queries))

    async def recalls(self, *, audited: bool) -> list[dict[str, Any]]:
        """Rows: recall by effort, before or after audits had their say."""
        rows, nearest = [], self._work.nearest()
        for effort in ("default", "accurate"):
            load = await self.ask(self.requests(effort=effort), RECALL_CLIENTS)
            found = recall([places(answer) for answer in load.answers], nearest)
            told = {"engine": OURS, "operation": "recall", "effort": effort, "audited": audited}
            rows.append({**told, "recall": round(found, 4), **load.figures()})
        return rows

    async def filtered(self) -> list[dict[str, Any]]:
        """Rows: recall and latency by what a filter lets through."""
        rows = []
        for share in SHARES:
            requests = self.requests(share=share)[:500]
            load = await self.ask(requests, 1)
            found = [places(answer) for answer in load.answers]
            nearest = self._work.nearest(share)[: len(found)]
            row = {
                "engine": OURS,
                "operation": "filtered",
                "share": share,
                "full_k": round(sum(len(item) == nearest.shape[1] for item in found) / len(found), 4),
                "recall": round(recall(found, nearest), 4),
            }
            rows.append({**row, **load.figures()})
        return rows

    def requests(
        self, effort: str | None = None, share: float | None = None, *, references: bool = False
    ) -> Sequence[search_pb2.SearchRequest]:
        """One for each query."""
        asked: dict[str, Any] = {"topK": K}
        if effort is not None and self._index != "flat":
            asked["effort"] = f"SEARCH_EFFORT_{effort.upper()}"
        if share is not None:
            asked["filter"] = {"condition": {"field": field_of(share), "equals": 0}}
        if references:
            asked["parts"] = ["HIT_PART_REFERENCE"]
        query = json_format.ParseDict(asked, search_pb2.Query())
        found = []
        for vector in self._work.queries:
            request = search_pb2.SearchRequest(collection=NAME, query=query)
            request.query.vector.extend(vector)
            found.append(request)
        return found

    def _block(self, start: int) -> document_pb2.UpsertDocumentsRequest:
        stop = min(start + BLOCK, len(self._work.vectors))
        return document_pb2.UpsertDocumentsRequest(
            collection=NAME, documents=[self._document(place) for place in range(start, stop)]
        )

    def _document(self, place: int) -> document_pb2.Document:
        text = self._work.texts[self._work.sources[place]]
        vector: Vectors = self._work.vectors[place]
        document = document_pb2.Document(
            id=str(place), chunks=[document_pb2.Chunk(text=text, vector=vector.tolist())]
        )
        document.metadata.update({field_of(share): place % round(1 / share) for share in SHARES})
        return document


def field_of(share: float) -> str:
    """The metadata field that is 0 for this share of all."""
    return f"of_{round(1 / share)}"


def places(answer: search_pb2.SearchResponse) -> list[int]:
    """The vectors that were found."""
    return [int(hit.document_id) for hit in answer.hits]


@asynccontextmanager
async def served(scratch: Path, work: Workload, index: str, build_threads: int) -> AsyncIterator[Served]:
    """The service, empty."""
    with running("retrieval", scratch, seal_at=SEAL_AT, build_threads=build_threads) as service:
        async with grpc.aio.insecure_channel(service.address, OPTIONS) as channel:
            yield Served(service, channel, work, index)


@asynccontextmanager
async def echoed(answer: search_pb2.SearchResponse, scratch: Path) -> AsyncIterator[Any]:
    """A stub of the echo, which gives this answer."""
    path = scratch / "answer"
    path.write_bytes(answer.SerializeToString())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.retrieval.echo", str(path), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield search_pb2_grpc.SearchServiceStub(channel).Search
    finally:
        process.kill()
        await process.wait()
