"""CollectionService."""

from typing import Any

from quadrille.retrieval.v1 import collection_pb2, collection_pb2_grpc

from retrieval.convert.collections import collection_to_proto, spec_from_proto
from retrieval.convert.paging import page_size_from_proto
from retrieval.engine import Engine
from retrieval.pagination import decode_token, encode_token
from retrieval.servicers.caller import tenant


class CollectionServicer(collection_pb2_grpc.CollectionServiceServicer):
    """Makes, describes, renames and deletes the caller's collections."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def CreateCollection(  # noqa: N802
        self, request: collection_pb2.CreateCollectionRequest, context: Any
    ) -> collection_pb2.CreateCollectionResponse:
        """Make an empty collection."""
        created = await self._engine.create_collection(tenant(), spec_from_proto(request))
        return collection_pb2.CreateCollectionResponse(collection=collection_to_proto(created))

    async def GetCollection(  # noqa: N802
        self, request: collection_pb2.GetCollectionRequest, context: Any
    ) -> collection_pb2.GetCollectionResponse:
        """Describe a collection."""
        collection = await self._engine.get_collection(tenant(), request.name)
        return collection_pb2.GetCollectionResponse(collection=collection_to_proto(collection))

    async def ListCollections(  # noqa: N802
        self, request: collection_pb2.ListCollectionsRequest, context: Any
    ) -> collection_pb2.ListCollectionsResponse:
        """List the caller's collections by name."""
        size, scope = page_size_from_proto(request), f"collections of {tenant()}"
        found = await self._engine.list_collections(
            tenant(), decode_token(scope, request.page_token), size + 1
        )
        return collection_pb2.ListCollectionsResponse(
            collections=map(collection_to_proto, found[:size]),
            next_page_token=encode_token(scope, found[size - 1].spec.name) if len(found) > size else "",
        )

    async def DeleteCollection(  # noqa: N802
        self, request: collection_pb2.DeleteCollectionRequest, context: Any
    ) -> collection_pb2.DeleteCollectionResponse:
        """Delete a collection with all it holds."""
        count = await self._engine.delete_collection(tenant(), request.name)
        return collection_pb2.DeleteCollectionResponse(document_count=count)

    async def SwapAlias(  # noqa: N802
        self, request: collection_pb2.SwapAliasRequest, context: Any
    ) -> collection_pb2.SwapAliasResponse:
        """Point an alias at a collection."""
        expected = request.expected_lsn if request.HasField("expected_lsn") else None
        previous = await self._engine.swap_alias(tenant(), request.alias, request.collection, expected)
        return collection_pb2.SwapAliasResponse(previous_collection=previous)
