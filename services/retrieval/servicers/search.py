"""SearchService."""

import asyncio
from typing import Any

from quadrille.retrieval.v1 import search_pb2, search_pb2_grpc

from retrieval.convert.search import (
    answer_to_proto,
    batch_to_proto,
    queries_from_proto,
    query_from_proto,
    target_from_proto,
)
from retrieval.engine import Engine
from retrieval.servicers.caller import access, tenant


class SearchServicer(search_pb2_grpc.SearchServiceServicer):
    """Finds chunks in the caller's collections."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def Search(self, request: search_pb2.SearchRequest, context: Any) -> search_pb2.SearchResponse:  # noqa: N802
        """Answer one query."""
        query = query_from_proto(request)
        answers = await self._engine.search(
            target_from_proto(request, tenant(), access()), [query], ["query"]
        )
        return answer_to_proto(answers[0], request)

    async def BatchSearch(  # noqa: N802
        self, request: search_pb2.BatchSearchRequest, context: Any
    ) -> search_pb2.BatchSearchResponse:
        """Answer many queries over one collection."""
        queries = queries_from_proto(request)
        fields = [f"queries[{i}]" for i in range(len(queries))]
        answers = await self._engine.search(target_from_proto(request, tenant(), access()), queries, fields)
        # Some thousand hits are written beside the event loop, which others wait for.
        return await asyncio.to_thread(batch_to_proto, answers, request)
