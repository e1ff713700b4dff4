"""RagService: convert, await, convert."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from quadrille.gateway.v1 import rag_pb2, rag_pb2_grpc
from serving.call import current_call
from serving.errors import InvalidInput

from gateway.convert import ingest as convert
from gateway.convert.answer import event_to_proto
from gateway.convert.ask import ask_from_proto
from gateway.domain.ingest import File, FileRefused
from gateway.metrics import GatewayMetrics
from gateway.rag.ask import Asker
from gateway.rag.ingest import Ingester


class RagServicer(rag_pb2_grpc.RagServiceServicer):
    """Answers from documents."""

    def __init__(self, asker: Asker, ingester: Ingester, metrics: GatewayMetrics) -> None:
        self._asker = asker
        self._ingester = ingester
        self._metrics = metrics

    async def Ask(self, request: rag_pb2.AskRequest, context: Any) -> AsyncIterator[rag_pb2.AskResponse]:  # noqa: N802
        """Answer a question."""
        with self._metrics.counted_ask():
            question = ask_from_proto(request)
            question = replace(question, request_id=question.request_id or current_call().request_id)
            async with aclosing(self._asker.ask(question)) as events:
                async for event in events:
                    yield event_to_proto(event)

    async def IngestDocuments(  # noqa: N802
        self, request_iterator: AsyncIterator[rag_pb2.IngestDocumentsRequest], context: Any
    ) -> AsyncIterator[rag_pb2.IngestDocumentsResponse]:
        """Store files."""
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or first.WhichOneof("item") != "start":
            raise InvalidInput("start", "must be the first message")
        start = convert.start_from_proto(first.start)
        async with aclosing(self._ingester.ingest(start, _files(requests))) as events:
            async for event in events:
                yield convert.ingest_event_to_proto(event)


async def _files(
    requests: AsyncIterator[rag_pb2.IngestDocumentsRequest],
) -> AsyncIterator[File | FileRefused]:
    async for request in requests:
        if request.WhichOneof("item") != "file":
            raise InvalidInput("file", "must be set in every message after the first")
        try:
            yield convert.file_from_proto(request.file)
        except InvalidInput as error:
            yield FileRefused(request.file.id, error.reason, error.field, error.description)
