"""Answers from documents."""

from collections.abc import Sequence
from typing import Any, Unpack

from quadrille.gateway.v1 import rag_pb2_grpc
from quadrille_client._sync.conversation import Conversation
from quadrille_client._sync.search import SearchCalls
from quadrille_client._sync.streams import AnswerStream
from quadrille_client._sync.transport import Transport
from quadrille_client.convert import rag as convert
from quadrille_client.types import rag as types


class RagCalls(SearchCalls):
    """RAG: mixed into the client."""

    _transport: Transport

    def stream_ask(
        self, collection: str | Sequence[str], question: str, **options: Unpack[types.AskOptions]
    ) -> AnswerStream:
        """Answer a question from the documents of a collection, or of several, event by event."""
        stub: Any = rag_pb2_grpc.RagServiceStub(self._transport.channel)
        request = convert.ask(collection, question, options)
        return AnswerStream(self._transport, stub.Ask, request)

    def ask(
        self, collection: str | Sequence[str], question: str, **options: Unpack[types.AskOptions]
    ) -> types.Answer:
        """Answer a question from the documents of a collection, or of several."""
        return self.stream_ask(collection, question, **options).collect()

    def conversation(
        self, collection: str | Sequence[str], **options: Unpack[types.AskOptions]
    ) -> Conversation:
        """Questions that build upon each other, each asked with these options."""
        return Conversation(self.stream_ask, collection, options)
