"""Bootstrap of a gRPC server: interceptors, health, reflection, TLS, metrics endpoint, graceful drain."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from threading import Thread
from wsgiref.simple_server import WSGIServer

import grpc
import structlog
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, start_http_server

from serving.auth import KeyStore
from serving.concerns import Admission, Identified, Metered, RichErrors, Traced
from serving.config import ServiceSettings
from serving.delegation import MAX_METADATA_BYTES
from serving.health import Health
from serving.interceptor import CallInterceptor, Concern
from serving.memory import settle
from serving.metrics import RpcMetrics
from serving.tracing import make_tracer_provider

log = structlog.get_logger(__name__)
_IDENTITY, _GZIP = 1, 4  # bits of grpc_compression_algorithm; deflate is refused as UNIMPLEMENTED
Hook = Callable[[], Awaitable[None]]


class GrpcServer:
    """A grpc.aio server with everything around it; register servicers on `grpc` before `start`."""

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        registry: CollectorRegistry,
        keys: KeyStore | None = None,
        outer: Sequence[Concern] = (),
        admitting: Sequence[Concern] = (),
        inner: Sequence[grpc.aio.ServerInterceptor] = (),
    ) -> None:
        """Besides what surrounds every call.

        `outer` concerns surround that too, `admitting` ones know the caller, and `inner` interceptors see calls that
        all of these let in.
        """
        self.settings = settings
        self.registry = registry
        self.keys = keys or KeyStore.load(settings.api_keys_file)
        self.port = 0
        self.metrics_port: int | None = None
        self._metrics_server: tuple[WSGIServer, Thread] | None = None
        self._services: tuple[str, ...] = ()
        metrics = RpcMetrics(registry)
        self._admission = Admission(metrics, settings.max_concurrent_calls)
        tracing = make_tracer_provider(settings.service, settings.otlp_endpoint)
        common = (Metered(metrics), RichErrors(), self._admission, Traced(tracing), Identified(self.keys))
        calls = CallInterceptor((*outer, *common, *admitting), settings.reader_stall_s)
        self.grpc = grpc.aio.server(interceptors=[calls, *inner], options=_options(settings))
        # gRPC 1.85 waits for each registered method by a task of its own, and for all of them anew with every call.
        # Generated code adds its handlers twice, and those that are not registered do as well.
        self.grpc.add_registered_method_handlers = lambda *_: None  # type: ignore[method-assign]
        self.health = Health(self.grpc)

    @property
    def draining(self) -> bool:
        """Whether new calls are refused because the server ends."""
        return self._admission.draining

    async def start(self, services: Sequence[str]) -> None:
        """Bind and answer health checks with NOT_SERVING. Raises OSError when the port is taken."""
        self._services = tuple(services)
        reflected = (*services, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflection.enable_server_reflection(reflected, self.grpc)
        await self.health.set_all(self._services, False)
        address = f"{self.settings.host}:{self.settings.port}"
        try:
            self.port = self._bind(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
        await self.grpc.start()

    async def set_serving(self, serving: bool = True) -> None:
        """Flip the whole server and all its services."""
        await self.health.set_all(self._services, serving)

    def start_metrics(self) -> None:
        """Serve the registry on the metrics port. Raises OSError when it is taken."""
        host, port = self.settings.host, self.settings.metrics_port
        try:
            server, thread = start_http_server(port, host, registry=self.registry)
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port} for metrics: {error.strerror}") from error
        self._metrics_server = (server, thread)
        self.metrics_port = server.server_port

    def stop_metrics(self) -> None:
        """Close the metrics port; no harm when it is not open."""
        if self._metrics_server is not None:
            server, thread = self._metrics_server
            server.shutdown()
            server.server_close()
            thread.join()
            self._metrics_server = None

    async def drain(self) -> None:
        """NOT_SERVING first; new calls are refused, running ones get the grace period; then all ends."""
        await self.health.shut_down()
        self._admission.draining = True
        drained = await self._admission.wait_idle(self.settings.drain_grace_s)
        log.info("drained", complete=drained)
        await self.grpc.stop(0.5 if drained else 0)

    def _bind(self, address: str) -> int:
        tls = self.settings.server_tls
        if tls is None:
            return self.grpc.add_insecure_port(address)
        authority = tls.client_ca.read_bytes() if tls.client_ca else None
        pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
        credentials = grpc.ssl_server_credentials(
            [pair], authority, require_client_auth=authority is not None
        )
        return self.grpc.add_secure_port(address, credentials)


async def run(
    server: GrpcServer,
    *,
    services: Sequence[str],
    start: Hook | None = None,
    stop: Hook | None = None,
    announce: bool = True,
    metrics_endpoint: bool = True,
) -> None:
    """Serve until SIGTERM or SIGINT: bind, `start` (load models), SERVING, drain, `stop`.

    `announce` False leaves it to `start` and what it began to say SERVING; `metrics_endpoint` False opens
    no metrics port.

    A signal during `start` is obeyed as soon as `start` is done.
    """
    signalled = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    await server.start(services)
    try:
        if metrics_endpoint:
            server.start_metrics()
        log.info("listening", port=server.port, metrics_port=server.metrics_port)
        if start is not None:
            await start()
        settle()
        if announce:
            await server.set_serving()
        log.info("serving", port=server.port)
        await signalled.wait()
        log.info("draining")
    finally:
        await server.drain()
        if stop is not None:
            await stop()
        server.stop_metrics()
        log.info("stopped")


def _options(settings: ServiceSettings) -> list[tuple[str, int]]:
    options = [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.compression_enabled_algorithms_bitset", _IDENTITY | _GZIP),
        ("grpc.so_reuseport", 0),  # a second server on the same port fails instead of sharing it
        # Clients may ping every 10 s; gRPC's default tolerates one ping in 5 minutes.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.keepalive_time_ms", 30_000),
    ]
    if settings.max_connection_age_s is not None:
        options.append(("grpc.max_connection_age_ms", round(settings.max_connection_age_s * 1000)))
    return options
