"""Answers from documents."""

from collections.abc import Sequence
from typing import Any, Unpack

from quadrille.gateway.v1 import rag_pb2_grpc

from quadrille_client._async.conversation import AsyncConversation
from quadrille_client._async.search import AsyncSearchCalls
from quadrille_client._async.streams import AsyncAnswerStream
from quadrille_client._async.transport import AsyncTransport
from quadrille_client.convert import rag as convert
from quadrille_client.types import rag as types


class AsyncRagCalls(AsyncSearchCalls):
    """RAG: mixed into the client."""

    _transport: AsyncTransport

    def stream_ask(
        self, collection: str | Sequence[str], question: str, **options: Unpack[types.AskOptions]
    ) -> AsyncAnswerStream:
        """Answer a question from the documents of a collection, or of several, event by event."""
        stub: Any = rag_pb2_grpc.RagServiceStub(self._transport.channel)
        request = convert.ask(collection, question, options)
        return AsyncAnswerStream(self._transport, stub.Ask, request)

    async def ask(
        self, collection: str | Sequence[str], question: str, **options: Unpack[types.AskOptions]
    ) -> types.Answer:
        """Answer a question from the documents of a collection, or of several."""
        return await self.stream_ask(collection, question, **options).collect()

    def conversation(
        self, collection: str | Sequence[str], **options: Unpack[types.AskOptions]
    ) -> AsyncConversation:
        """Questions that build upon each other, each asked with these options."""
        return AsyncConversation(self.stream_ask, collection, options)
