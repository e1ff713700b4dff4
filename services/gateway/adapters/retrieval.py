"""The retrieval port over one retrieval server."""

from collections.abc import AsyncGenerator, Mapping, Sequence

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
from gateway.convert.filters import filter_to_proto
from gateway.domain import retrieval as domain
from gateway.domain.filters import Filter

SERVICE = "quadrille.retrieval.v1"
_PAGE = 1000  # the store's most


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

    async def list_collections(self) -> Sequence[domain.Collection]:
        """All of the caller's collections, by name."""
        found: list[domain.Collection] = []
        request = collection_pb2.ListCollectionsRequest(page_size=_PAGE)
        while True:
            answer = await self._caller.unary(self._collections.ListCollections, request)
            found += map(convert.collection_from_proto, answer.collections)
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    async def create_collection(self, collection: domain.Collection) -> None:
        """Make an empty collection."""
        request = collection_pb2.CreateCollectionRequest(collection=convert.collection_to_proto(collection))
        await self._caller.unary(self._collections.CreateCollection, request)

    async def delete_collection(self, name: str) -> None:
        """Delete a collection with all it holds."""
        request = collection_pb2.DeleteCollectionRequest(name=name)
        await self._caller.unary(self._collections.DeleteCollection, request)

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

    async def list_documents(
        self, collection: str, filter: Filter | None = None
    ) -> AsyncGenerator[domain.StoredDocument, None]:
        """Documents by id."""
        condition = None if filter is None else filter_to_proto(filter)
        request = document_pb2.ListDocumentsRequest(collection=collection, filter=condition, page_size=_PAGE)
        while True:
            page = await self._page(request)
            for document in page.documents:
                yield document
            if not page.next_token:
                return
            request.page_token = page.next_token

    async def page_of_documents(self, collection: str, size: int, token: str = "") -> domain.DocumentPage:
        """A page of documents by id."""
        return await self._page(
            document_pb2.ListDocumentsRequest(collection=collection, page_size=size, page_token=token)
        )

    async def upsert_document(
        self,
        collection: str,
        document: domain.NewDocument,
        embedding_model: str,
        expected_version: int | None = None,
    ) -> int:
        """Write a document."""
        return await self.upsert_documents(collection, [document], embedding_model, expected_version)

    async def upsert_documents(
        self,
        collection: str,
        documents: Sequence[domain.NewDocument],
        embedding_model: str = "",
        expected_version: int | None = None,
    ) -> int:
        """Write documents."""
        request = document_pb2.UpsertDocumentsRequest(
            collection=collection,
            documents=map(convert.document_to_proto, documents),
            embedding_model=embedding_model,
            expected_version=expected_version,
        )
        return (await self._caller.unary(self._documents.UpsertDocuments, request)).lsn

    async def delete_documents(self, collection: str, ids: Sequence[str]) -> int:
        """Delete documents."""
        request = document_pb2.DeleteDocumentsRequest(collection=collection, ids=ids)
        return (await self._caller.unary(self._documents.DeleteDocuments, request)).deleted_count

    async def search(self, request: domain.SearchRequest) -> Sequence[domain.Hit]:
        """Chunks, best first."""
        answer = await self._caller.unary(self._searches.Search, convert.search_to_proto(request))
        return [convert.hit_from_proto(hit) for hit in answer.hits]

    async def _page(self, request: document_pb2.ListDocumentsRequest) -> domain.DocumentPage:
        answer = await self._caller.unary(self._documents.ListDocuments, request)
        return convert.page_from_proto(answer)
