"""The retrieval port over one retrieval server."""

from collections.abc import Mapping, Sequence

import grpc
from quadrille.retrieval.v1 import (
    collection_pb2,
    collection_pb2_grpc,
    document_pb2,
    document_pb2_grpc,
    search_pb2_grpc,
)
from serving.errors import NotFound

from gateway.adapters.calls import Caller
from gateway.convert import retrieval as convert
from gateway.domain import retrieval as domain

SERVICE = "quadrille.retrieval.v1"


class GrpcRetrievalBackend:
    """RetrievalBackend."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str | None = None) -> None:
        self._collections = collection_pb2_grpc.CollectionServiceStub(channel)
        self._documents = document_pb2_grpc.DocumentServiceStub(channel)
        self._searches = search_pb2_grpc.SearchServiceStub(channel)
        self._caller = Caller(SERVICE, api_key)

    async def get_collection(self, name: str) -> domain.Collection:
        """A collection by name or alias."""
        request = collection_pb2.GetCollectionRequest(name=name)
        answer = await self._caller.unary(self._collections.GetCollection, request)
        return convert.collection_from_proto(answer.collection)

    async def create_collection(self, collection: domain.Collection) -> None:
        """Make an empty collection."""
        request = collection_pb2.CreateCollectionRequest(collection=convert.collection_to_proto(collection))
        await self._caller.unary(self._collections.CreateCollection, request)

    async def get_document(self, collection: str, document_id: str) -> domain.StoredDocument:
        """A document."""
        request = document_pb2.GetDocumentRequest(collection=collection, id=document_id)
        answer = await self._caller.unary(self._documents.GetDocument, request)
        return convert.stored_from_proto(answer.document)

    async def chunk_vectors(self, collection: str, document_id: str) -> Mapping[str, domain.Vector]:
        """The vectors of a document's chunks, by their texts."""
        request = document_pb2.GetDocumentRequest(collection=collection, id=document_id, include_vectors=True)
        try:
            answer = await self._caller.unary(self._documents.GetDocument, request)
        except NotFound:
            return {}
        return {chunk.text: tuple(chunk.vector) for chunk in answer.document.chunks if chunk.vector}

    async def upsert_document(
        self, collection: str, document: domain.NewDocument, embedding_model: str
    ) -> int:
        """Write a document."""
        request = document_pb2.UpsertDocumentsRequest(
            collection=collection,
            documents=[convert.document_to_proto(document)],
            embedding_model=embedding_model,
        )
        return (await self._caller.unary(self._documents.UpsertDocuments, request)).lsn

    async def search(self, request: domain.SearchRequest) -> Sequence[domain.Hit]:
        """Chunks, best first."""
        answer = await self._caller.unary(self._searches.Search, convert.search_to_proto(request))
        return [convert.hit_from_proto(hit) for hit in answer.hits]
