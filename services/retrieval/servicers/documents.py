"""DocumentService."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from quadrille.retrieval.v1 import document_pb2, document_pb2_grpc

from retrieval.convert import documents as convert
from retrieval.convert.filters import filter_from_proto
from retrieval.convert.paging import page_size_from_proto
from retrieval.engine import Engine
from retrieval.ingest import Ingest
from retrieval.pagination import decode_token, encode_token
from retrieval.servicers.caller import access, tenant


class DocumentServicer(document_pb2_grpc.DocumentServiceServicer):
    """Writes and reads the caller's documents."""

    def __init__(self, engine: Engine, ingest_window: int) -> None:
        self._engine = engine
        self._ingest_window = ingest_window

    async def Ingest(  # noqa: N802
        self, request_iterator: AsyncIterator[document_pb2.IngestRequest], context: Any
    ) -> AsyncIterator[document_pb2.IngestResponse]:
        """Write many documents over one stream."""
        requests = aiter(request_iterator)
        start = await convert.start_from_proto(requests)
        collection = await self._engine.open_for_writing(
            tenant(), start.collection, start.embedding_model, "start."
        )
        ingest = Ingest(self._engine, collection, access(), self._ingest_window)
        async with contextlib.aclosing(ingest.run(convert.items_from_proto(requests))) as events:
            async for event in events:
                yield convert.event_to_proto(event)

    async def UpsertDocuments(  # noqa: N802
        self, request: document_pb2.UpsertDocumentsRequest, context: Any
    ) -> document_pb2.UpsertDocumentsResponse:
        """Write documents, all or none."""
        # A message of many megabytes is converted beside the event loop.
        documents = await asyncio.to_thread(convert.documents_from_proto, request)
        expected = convert.expected_version_from_proto(request)
        written = await self._engine.upsert(
            tenant(), request.collection, documents, request.embedding_model, expected, access()
        )
        return document_pb2.UpsertDocumentsResponse(lsn=written.lsn, versions=written.versions)

    async def GetDocument(  # noqa: N802
        self, request: document_pb2.GetDocumentRequest, context: Any
    ) -> document_pb2.GetDocumentResponse:
        """Read one document."""
        document = await self._engine.get_document(
            tenant(), request.collection, request.id, access(), vectors=request.include_vectors
        )
        message = await asyncio.to_thread(convert.document_to_proto, document)
        return document_pb2.GetDocumentResponse(document=message)

    async def ListDocuments(  # noqa: N802
        self, request: document_pb2.ListDocumentsRequest, context: Any
    ) -> document_pb2.ListDocumentsResponse:
        """List documents by id."""
        size, scope = page_size_from_proto(request), _listing(request)
        where = filter_from_proto(request.filter, "filter") if request.HasField("filter") else None
        after, content = decode_token(scope, request.page_token), request.include_content
        page = await self._engine.list_documents(
            tenant(), request.collection, where, after, size, access(), content=content
        )
        token = "" if page.last is None else encode_token(scope, page.last)
        messages = await asyncio.to_thread(lambda: [convert.document_to_proto(d) for d in page.documents])
        return document_pb2.ListDocumentsResponse(documents=messages, next_page_token=token)

    async def DeleteDocuments(  # noqa: N802
        self, request: document_pb2.DeleteDocumentsRequest, context: Any
    ) -> document_pb2.DeleteDocumentsResponse:
        """Delete documents by id or by filter."""
        which = convert.deletion_from_proto(request)
        deleted = await self._engine.delete_documents(tenant(), request.collection, which, access())
        return document_pb2.DeleteDocumentsResponse(deleted_count=deleted.count, lsn=deleted.lsn)


def _listing(request: document_pb2.ListDocumentsRequest) -> str:
    """Name the listing that a page token belongs to."""
    where = request.filter.SerializeToString(deterministic=True).hex()
    return json.dumps(["documents", tenant(), request.collection, where])
