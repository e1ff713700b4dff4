import contextlib
import importlib.util
import sys
from pathlib import Path

import httpx
import openai
import pytest
from gateway.__main__ import RETRIEVAL, Gateway
from gateway.config import GatewaySettings
from prometheus_client import CollectorRegistry
from quadrille.image.v1 import image_pb2_grpc
from quadrille.retrieval.v1 import collection_pb2_grpc, document_pb2_grpc, search_pb2_grpc
from quadrille.text.v1 import text_pb2_grpc
from serving.config import ServiceSettings
from serving.server import GrpcServer
from serving.testing import running

_spec = importlib.util.spec_from_file_location("gateway_backends", Path(__file__).with_name("backends.py"))
backends = importlib.util.module_from_spec(_spec)
sys.modules["gateway_backends"] = backends
_spec.loader.exec_module(backends)


@contextlib.asynccontextmanager
async def serve(register, services, options):
    server = GrpcServer(ServiceSettings(**options), registry=CollectorRegistry())
    register(server.grpc)
    async with running(server, services=services) as address:
        yield address


class Doors:
    """A running gateway over running backends."""

    def __init__(self, gateway, text, store):
        self.gateway = gateway
        self.text = text
        self.store = store
        self.grpc = f"127.0.0.1:{gateway.server.port}"
        self.http = f"http://127.0.0.1:{gateway.http.bound_port}"


@pytest.fixture
async def make_doors(monkeypatch):
    monkeypatch.delenv("QUADRILLE_CONFIG", raising=False)
    async with contextlib.AsyncExitStack() as stack:

        async def make(backend_options=None, **options):
            text, store = backends.TextService(), backends.Store()

            def retrieval(server):
                collection_pb2_grpc.add_CollectionServiceServicer_to_server(
                    backends.CollectionService(store), server
                )
                document_pb2_grpc.add_DocumentServiceServicer_to_server(
                    backends.DocumentService(store), server
                )
                search_pb2_grpc.add_SearchServiceServicer_to_server(backends.SearchService(store), server)

            addresses = [
                await stack.enter_async_context(serve(register, services, backend_options or {}))
                for register, services in (
                    (
                        lambda s: text_pb2_grpc.add_TextServiceServicer_to_server(text, s),
                        ["quadrille.text.v1.TextService"],
                    ),
                    (
                        lambda s: image_pb2_grpc.add_ImageServiceServicer_to_server(
                            backends.ImageService(), s
                        ),
                        ["i"],
                    ),
                    (retrieval, [item.full_name for item in RETRIEVAL]),
                )
            ]
            settings = GatewaySettings(
                port=0,
                http_port=0,
                text_addresses=(options.pop("text_address", addresses[0]),),
                image_addresses=(addresses[1],),
                retrieval_address=options.pop("retrieval_address", addresses[2]),
                health_interval_s=options.pop("health_interval_s", 0.05),
                drain_grace_s=1,
                **options,
            )
            gateway = Gateway(settings)
            await gateway.server.start(gateway.services)
            await gateway.start()
            await gateway.watch.look()

            async def close():
                await gateway.server.drain()
                await gateway.stop()

            stack.push_async_callback(close)
            return Doors(gateway, text, store)

        yield make


@pytest.fixture
async def doors(make_doors):
    return await make_doors()


@pytest.fixture
async def client(doors):
    """OpenAI's own client, at the HTTP door."""
    async with openai.AsyncOpenAI(base_url=f"{doors.http}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def plain(doors):
    """An HTTP client, at the same."""
    async with httpx.AsyncClient(base_url=doors.http) as client:
        yield client
