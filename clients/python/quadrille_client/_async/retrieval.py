"""Calls of the retrieval services: collections, documents, administration."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import json_format
from quadrille.retrieval.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    collection_pb2,
    collection_pb2_grpc,
    document_pb2,
    document_pb2_grpc,
)

from quadrille_client._async.transport import AsyncTransport
from quadrille_client.convert import retrieval as convert
from quadrille_client.errors import from_rpc_error
from quadrille_client.types import retrieval as types


class AsyncCollections:
    """Collections: `client.collections`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._stub: Any = collection_pb2_grpc.CollectionServiceStub(transport.channel)

    async def create(
        self,
        name: str,
        dimension: int,
        *,
        metric: types.Metric = "cosine",
        embedding_model: str = "",
        index: types.IndexKind | None = None,
        index_options: Mapping[str, Any] | None = None,
    ) -> types.Collection:
        """Make an empty collection; `index_options` are named as in HnswOptions and IvfPqOptions."""
        collection = convert.collection_to_pb(name, dimension, metric, embedding_model, index, index_options)
        request = collection_pb2.CreateCollectionRequest(collection=collection)
        return convert.collection(
            (await self._transport.unary(self._stub.CreateCollection, request)).collection
        )

    async def get(self, name: str) -> types.Collection:
        """One collection, by name or alias."""
        request = collection_pb2.GetCollectionRequest(name=name)
        return convert.collection((await self._transport.unary(self._stub.GetCollection, request)).collection)

    async def list(self) -> tuple[types.Collection, ...]:
        """All collections of the caller, by name."""
        found: tuple[types.Collection, ...] = ()
        token = ""
        while True:
            request = collection_pb2.ListCollectionsRequest(page_token=token)
            response = await self._transport.unary(self._stub.ListCollections, request)
            found += tuple(convert.collection(item) for item in response.collections)
            token = response.next_page_token
            if not token:
                return found

    async def delete(self, name: str) -> int:
        """Delete a collection; returns the number of documents that it held."""
        request = collection_pb2.DeleteCollectionRequest(name=name)
        return int((await self._transport.unary(self._stub.DeleteCollection, request)).document_count)

    async def swap_alias(self, alias: str, collection: str, *, expected_lsn: int | None = None) -> str:
        """Point an alias at a collection ("" removes it); returns where it pointed before.

        Raises AbortedError when the last write there is not the expected one.
        """
        request = collection_pb2.SwapAliasRequest(
            alias=alias, collection=collection, expected_lsn=expected_lsn
        )
        return str((await self._transport.unary(self._stub.SwapAlias, request)).previous_collection)


class AsyncDocuments:
    """Documents: `client.documents`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._stub: Any = document_pb2_grpc.DocumentServiceStub(transport.channel)

    async def upsert(
        self,
        collection: str,
        documents: Sequence[types.Document],
        *,
        embedding_model: str = "",
        expected_version: int | None = None,
    ) -> types.Written:
        """Write documents, all or none; durable and visible on return."""
        request = document_pb2.UpsertDocumentsRequest(
            collection=collection,
            documents=[convert.document_to_pb(item) for item in documents],
            embedding_model=embedding_model,
            expected_version=expected_version,
        )
        response = await self._transport.unary(self._stub.UpsertDocuments, request)
        return types.Written(response.lsn, tuple(response.versions))

    async def get(self, collection: str, id: str, *, include_vectors: bool = False) -> types.Document:
        """One document with its chunks."""
        request = document_pb2.GetDocumentRequest(
            collection=collection, id=id, include_vectors=include_vectors
        )
        return convert.document((await self._transport.unary(self._stub.GetDocument, request)).document)

    async def list(
        self,
        collection: str,
        *,
        filter: types.Filter | None = None,
        page_size: int | None = None,
        page_token: str = "",
        include_content: bool = False,
    ) -> types.Page:
        """One page of documents, by id."""
        request = document_pb2.ListDocumentsRequest(
            collection=collection,
            filter=convert.filter_to_pb(filter),
            page_size=page_size,
            page_token=page_token,
            include_content=include_content,
        )
        response = await self._transport.unary(self._stub.ListDocuments, request)
        return types.Page(
            tuple(convert.document(item) for item in response.documents), response.next_page_token
        )

    async def delete(
        self, collection: str, *, ids: Sequence[str] = (), filter: types.Filter | None = None
    ) -> int:
        """Delete documents by id or by filter; returns how many there were."""
        request = document_pb2.DeleteDocumentsRequest(
            collection=collection, ids=ids, filter=convert.filter_to_pb(filter)
        )
        return int((await self._transport.unary(self._stub.DeleteDocuments, request)).deleted_count)

    async def ingest(
        self, collection: str, documents: Iterable[types.Document], *, embedding_model: str = ""
    ) -> AsyncIterator[types.IngestAck | types.IngestRefusal]:
        """Write many documents over one stream, no faster than the server grants; yields their fates."""
        credits, over = asyncio.Semaphore(0), asyncio.Event()

        async def requests() -> AsyncIterator[document_pb2.IngestRequest]:
            start = document_pb2.IngestStart(collection=collection, embedding_model=embedding_model)
            yield document_pb2.IngestRequest(start=start)
            for sequence, document in enumerate(documents):
                await credits.acquire()
                if over.is_set():
                    return
                item = document_pb2.IngestDocument(
                    sequence=sequence, document=convert.document_to_pb(document)
                )
                yield document_pb2.IngestRequest(document=item)

        transport = self._transport
        call = self._stub.Ingest(requests(), timeout=transport.timeout, metadata=transport.metadata())
        try:
            async for response in call:
                kind = response.WhichOneof("event")
                if kind == "credits":
                    for _ in range(response.credits.count):
                        credits.release()
                elif kind == "ack":
                    ack = response.ack
                    yield types.IngestAck(ack.document_id, ack.version, ack.lsn)
                elif kind == "error":
                    error = response.error
                    yield types.IngestRefusal(error.document_id, error.reason, error.field, error.description)
        except grpc.RpcError as failed:
            raise from_rpc_error(failed) from failed
        finally:
            over.set()
            credits.release()
            call.cancel()


class AsyncAdmin:
    """Administration of the store: `client.admin`; results are mappings named as in the contract."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._stub: Any = admin_pb2_grpc.AdminServiceStub(transport.channel)

    async def verify(self, collection: str = "") -> Mapping[str, Any]:
        """Compare what is derived with the source of truth."""
        return await self._call(self._stub.Verify, admin_pb2.VerifyRequest(collection=collection))

    async def repair(self, collection: str = "") -> Mapping[str, Any]:
        """Rebuild what is derived."""
        return await self._call(self._stub.Repair, admin_pb2.RepairRequest(collection=collection))

    async def snapshot(self, name: str) -> Mapping[str, Any]:
        """Write a consistent copy."""
        return await self._call(self._stub.Snapshot, admin_pb2.SnapshotRequest(name=name))

    async def restore(self, name: str) -> Mapping[str, Any]:
        """Replace the store by a copy."""
        return await self._call(self._stub.Restore, admin_pb2.RestoreRequest(name=name))

    async def compact(self) -> Mapping[str, Any]:
        """Give space back to the file system."""
        return await self._call(self._stub.Compact, admin_pb2.CompactRequest())

    async def stats(self) -> Mapping[str, Any]:
        """Measure the store."""
        return await self._call(self._stub.Stats, admin_pb2.StatsRequest())

    async def _call(self, method: Any, request: Any) -> Mapping[str, Any]:
        response = await self._transport.unary(method, request)
        return {
            field.name: [json_format.MessageToDict(item, preserving_proto_field_name=True) for item in found]
            if field.message_type
            else found
            for field in response.DESCRIPTOR.fields
            for found in [getattr(response, field.name)]
        }
