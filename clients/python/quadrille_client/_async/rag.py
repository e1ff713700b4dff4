"""Answers from documents."""

from collections.abc import Sequence
from typing import Any, Unpack

from quadrille.gateway.v1 import rag_pb2, rag_pb2_grpc

from quadrille_client._async.search import AsyncSearchCalls
from quadrille_client._async.streams import AsyncAnswerStream
from quadrille_client._async.transport import AsyncTransport
from quadrille_client.convert import retrieval
from quadrille_client.convert import text as convert_text
from quadrille_client.types import rag as types
from quadrille_client.types import retrieval as retrieval_types
from quadrille_client.types import text as text_types


class AsyncRagCalls(AsyncSearchCalls):
    """RAG: mixed into the client."""

    _transport: AsyncTransport

    def stream_ask(
        self,
        collection: str,
        question: str,
        *,
        history: Sequence[text_types.Message] = (),
        model: str = "",
        passages: int | None = None,
        filter: retrieval_types.Filter | None = None,
        mode: retrieval_types.SearchMode | None = None,
        min_lsn: int | None = None,
        rerank: str | None = None,
        rerank_depth: int | None = None,
        **sampling: Unpack[text_types.Sampling],
    ) -> AsyncAnswerStream:
        """Answer a question from documents, event by event; `passages` is how many the model is given.

        With `rerank`, a model that judges relevance ("" for the default) picks these out of `rerank_depth`.
        """
        request = rag_pb2.AskRequest(
            collection=collection,
            question=question,
            history=convert_text.messages(history),
            model=model,
            sampling=convert_text.sampling(sampling) if sampling else None,
            top_k=passages,
            filter=retrieval.filter_to_pb(filter),
            mode=retrieval.mode(mode),
            min_lsn=min_lsn,
            rerank=None if rerank is None else rag_pb2.Reranking(model=rerank, depth=rerank_depth),
        )
        stub: Any = rag_pb2_grpc.RagServiceStub(self._transport.channel)
        return AsyncAnswerStream(self._transport, stub.Ask, request)

    async def ask(
        self,
        collection: str,
        question: str,
        *,
        history: Sequence[text_types.Message] = (),
        model: str = "",
        passages: int | None = None,
        filter: retrieval_types.Filter | None = None,
        mode: retrieval_types.SearchMode | None = None,
        min_lsn: int | None = None,
        rerank: str | None = None,
        rerank_depth: int | None = None,
        **sampling: Unpack[text_types.Sampling],
    ) -> types.Answer:
        """Answer a question from documents; `passages` is how many the model is given."""
        stream = self.stream_ask(
            collection,
            question,
            history=history,
            model=model,
            passages=passages,
            filter=filter,
            mode=mode,
            min_lsn=min_lsn,
            rerank=rerank,
            rerank_depth=rerank_depth,
            **sampling,
        )
        return await stream.collect()
