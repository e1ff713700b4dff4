"""A bare server: python -m benchmarks.retrieval.echo ANSWER gives that file's SearchResponse to every Search.

No interceptor and no work: what gRPC itself takes for these messages. It prints its port.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
import uvloop
from quadrille.retrieval.v1 import search_pb2, search_pb2_grpc


class Echo(search_pb2_grpc.SearchServiceServicer):
    """Answers with the same message, written anew for each call."""

    def __init__(self, answer: search_pb2.SearchResponse) -> None:
        self._answer = answer

    async def Search(self, request: search_pb2.SearchRequest, context: Any) -> search_pb2.SearchResponse:  # noqa: N802
        """Answer."""
        return self._answer

    async def BatchSearch(  # noqa: N802
        self, request: search_pb2.BatchSearchRequest, context: Any
    ) -> search_pb2.BatchSearchResponse:
        """Answer each query."""
        return search_pb2.BatchSearchResponse(responses=[self._answer] * len(request.queries))


async def serve(answer: bytes) -> None:
    """Serve until killed."""
    server = grpc.aio.server()
    search_pb2_grpc.add_SearchServiceServicer_to_server(
        Echo(search_pb2.SearchResponse.FromString(answer)), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]).read_bytes()))
