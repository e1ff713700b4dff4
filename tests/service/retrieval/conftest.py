from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from prometheus_client import CollectorRegistry
from quadrille.retrieval.v1 import (
    admin_pb2_grpc,
    collection_pb2_grpc,
    document_pb2,
    document_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
)
from retrieval.__main__ import build_engine
from retrieval.config import RetrievalSettings
from retrieval.engine import Engine
from retrieval.servicers import SERVICES, register
from serving.server import GrpcServer
from serving.testing import running


@dataclass(frozen=True)
class Client:
    """Stubs that take requests as JSON, the way goldens and curl-like tools write them."""

    collections: Any
    documents: Any
    searches: Any
    admin: Any
    engine: Engine
    registry: CollectorRegistry
    window: int
    address: str
    acting: tuple[tuple[str, str], ...] = ()

    async def call(self, name: str, request: dict[str, Any], tenant: str = "default") -> Any:
        service, method = name.split(".")
        stub = getattr(self, service)
        module = __import__(f"quadrille.retrieval.v1.{_MODULES[service]}_pb2", fromlist=["x"])
        message = json_format.ParseDict(request, getattr(module, f"{method}Request")())
        return await getattr(stub, method)(
            message, metadata=(("quadrille-tenant", tenant), *self.acting), timeout=30
        )

    def acting_for(self, name: str, *groups: str) -> "Client":
        """The same server, called for somebody."""
        who = (("quadrille-principal", name), ("quadrille-groups", ",".join(groups)))
        return replace(self, acting=who[: 2 if groups else 1])

    async def refusal(self, name: str, request: dict[str, Any], tenant: str = "default") -> "Refusal":
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(name, request, tenant)
        return refusal_of(caught.value)

    async def make(self, name: str = "books", tenant: str = "default", **settings: Any) -> None:
        spec = {"name": name, "dimension": 2, **settings}
        await self.call("collections.CreateCollection", {"collection": spec}, tenant)

    async def put(
        self, *documents: dict[str, Any], collection: str = "books", tenant: str = "default"
    ) -> Any:
        return await self.call(
            "documents.UpsertDocuments", {"collection": collection, "documents": list(documents)}, tenant
        )

    async def search(self, query: dict[str, Any], **request: Any) -> search_pb2.SearchResponse:
        response: search_pb2.SearchResponse = await self.call(
            "searches.Search", {"collection": "books", "query": query, **request}
        )
        return response


_MODULES = {"collections": "collection", "documents": "document", "searches": "search", "admin": "admin"}


@dataclass(frozen=True)
class Refusal:
    code: str
    reason: str
    field: str
    message: str


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    trailers: Any = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    infos = [detail for detail in status.details if detail.Unpack(info)]
    assert len(infos) == 1
    assert info.domain == "quadrille"
    for detail in status.details:
        detail.Unpack(bad)
    field = bad.field_violations[0].field if bad.field_violations else ""
    return Refusal(error.code().name, info.reason, field, status.message)


@pytest.fixture
def refused() -> Callable[[grpc.aio.AioRpcError], Refusal]:
    return refusal_of


@pytest.fixture
def service_options() -> dict[str, Any]:
    """Options of the service that a module's tests need."""
    return {}


@pytest.fixture
async def client(tmp_path: Path, service_options: dict[str, Any]) -> AsyncIterator[Client]:
    settings = RetrievalSettings(
        port=0, metrics_port=0, data_dir=tmp_path, ingest_window=4, **service_options
    )
    registry = CollectorRegistry()
    engine = build_engine(settings, registry)
    server = GrpcServer(settings, registry=registry)
    register(server.grpc, engine, settings.ingest_window)
    await engine.start()
    async with running(server, services=SERVICES) as address, grpc.aio.insecure_channel(address) as channel:
        yield Client(
            collection_pb2_grpc.CollectionServiceStub(channel),
            document_pb2_grpc.DocumentServiceStub(channel),
            search_pb2_grpc.SearchServiceStub(channel),
            admin_pb2_grpc.AdminServiceStub(channel),
            engine,
            registry,
            settings.ingest_window,
            address,
        )
    await engine.stop()


@pytest.fixture
def start() -> document_pb2.IngestRequest:
    return document_pb2.IngestRequest(start=document_pb2.IngestStart(collection="books"))
