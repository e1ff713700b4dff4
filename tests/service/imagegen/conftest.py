from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from google.rpc import error_details_pb2, status_pb2
from imagegen.__main__ import build_engine
from imagegen.config import ImagegenSettings
from imagegen.engine import Engine
from imagegen.servicer import ADAPTER_SERVICE, SERVICE, AdapterServicer, ImageServicer
from imagegen.testing import save_tiny_pipeline, save_tiny_vae
from prometheus_client import CollectorRegistry
from quadrille.image.v1 import adapters_pb2_grpc, image_pb2_grpc
from serving.channel import open_channel
from serving.server import GrpcServer
from serving.testing import running


@pytest.fixture(scope="session", autouse=True)
def plain_log() -> Iterator[None]:
    # Unconfigured, structlog draws tracebacks with every local tensor in them.
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def model_paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pipeline = save_tiny_pipeline(tmp_path_factory.mktemp("pipeline"))
    return pipeline, save_tiny_vae(tmp_path_factory.mktemp("vae"))


@pytest.fixture
def settings(model_paths: tuple[Path, Path]) -> ImagegenSettings:
    pipeline, vae = model_paths
    return ImagegenSettings(
        port=0, metrics_port=0, models=(f"tiny={pipeline}", f"vae={vae}"), default_steps=4, max_waiting=8
    )


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def engine(settings: ImagegenSettings, registry: CollectorRegistry) -> AsyncIterator[Engine]:
    engine = build_engine(settings, registry)
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture
async def channel(
    engine: Engine, settings: ImagegenSettings, registry: CollectorRegistry
) -> AsyncIterator[grpc.aio.Channel]:
    server = GrpcServer(settings, registry=registry)
    image_pb2_grpc.add_ImageServiceServicer_to_server(ImageServicer(engine), server.grpc)
    adapters_pb2_grpc.add_AdapterServiceServicer_to_server(AdapterServicer(engine.loras), server.grpc)
    # The client's own limit is higher, so that it is the server that refuses large messages.
    async with (
        running(server, services=[SERVICE, ADAPTER_SERVICE]) as address,
        open_channel(address, max_message_bytes=2 * settings.max_message_bytes) as channel,
    ):
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return image_pb2_grpc.ImageServiceStub(channel)


@pytest.fixture
def fields() -> Callable[[grpc.aio.AioRpcError], list[str]]:
    """Names of the fields that an INVALID_ARGUMENT blames."""

    def read(error: grpc.aio.AioRpcError) -> list[str]:
        trailers = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        blamed: list[str] = []
        for detail in status.details:
            bad = error_details_pb2.BadRequest()
            if detail.Unpack(bad):
                blamed += [violation.field for violation in bad.field_violations]
        return blamed

    return read
