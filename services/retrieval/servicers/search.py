"""SearchService."""

import asyncio
from typing import Any

import grpc
from quadrille.retrieval.v1 import search_pb2

from retrieval.convert.answers import answer_to_bytes, batch_to_bytes
from retrieval.convert.search import queries_from_proto, query_from_proto, target_from_proto
from retrieval.engine import Engine
from retrieval.servicers.caller import access, tenant

_SERVICE = search_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name


class SearchServicer:
    """Finds chunks in the caller's collections. Answers with serialised messages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def search(self, request: search_pb2.SearchRequest, context: Any) -> bytes:
        """Answer one query."""
        query = query_from_proto(request)
        answers = await self._engine.search(
            target_from_proto(request, tenant(), access()), [query], ["query"]
        )
        if query.with_vectors:  # up to some megabytes
            return await asyncio.to_thread(answer_to_bytes, answers[0], explain=request.explain)
        return answer_to_bytes(answers[0], explain=request.explain)

    async def batch_search(self, request: search_pb2.BatchSearchRequest, context: Any) -> bytes:
        """Answer many queries over one collection."""
        queries = queries_from_proto(request)
        fields = [f"queries[{i}]" for i in range(len(queries))]
        answers = await self._engine.search(target_from_proto(request, tenant(), access()), queries, fields)
        # Some thousand hits are written beside the event loop, which others wait for.
        return await asyncio.to_thread(batch_to_bytes, answers, explain=request.explain)


def add_search_servicer(servicer: SearchServicer, server: grpc.aio.Server) -> None:
    """Put it on a server. What protoc generates would write each message that it answers with."""
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Search": grpc.unary_unary_rpc_method_handler(
            servicer.search, request_deserializer=search_pb2.SearchRequest.FromString
        ),
        "BatchSearch": grpc.unary_unary_rpc_method_handler(
            servicer.batch_search, request_deserializer=search_pb2.BatchSearchRequest.FromString
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
