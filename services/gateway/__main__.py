"""Composition root of the gateway: python -m gateway."""

import asyncio
import functools
import sys

import httpx
import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import CollectorRegistry
from quadrille.gateway.v1 import rag_pb2, rag_pb2_grpc
from quadrille.image.v1 import adapters_pb2 as image_adapters_pb2
from quadrille.image.v1 import image_pb2
from quadrille.kserve.open_inference_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from quadrille.retrieval.v1 import admin_pb2, collection_pb2, document_pb2, search_pb2
from quadrille.text.v1 import adapters_pb2 as text_adapters_pb2
from quadrille.text.v1 import text_pb2
from serving.channel import open_channel
from serving.config import load_settings
from serving.log import configure_logging
from serving.server import GrpcServer, run

from gateway.adapters.exposition import HttpExposition
from gateway.adapters.guard import GuardModerator
from gateway.adapters.health import GrpcHealthProbe
from gateway.adapters.image import GrpcImageBackend, image_router
from gateway.adapters.retrieval import GrpcRetrievalBackend
from gateway.adapters.text import GrpcTextBackend, text_router
from gateway.admission.accounts import Accounts
from gateway.admission.concern import Entered
from gateway.admission.gate import Gate
from gateway.admission.image import AdmittedImages
from gateway.admission.metrics import AdmissionMetrics
from gateway.admission.pools import BACKENDS
from gateway.admission.quota import QuotaKeeper, load_quotas
from gateway.admission.text import AdmittedText
from gateway.audit.log import AuditLog, NoAudit
from gateway.audit.rpc import AuditedCalls
from gateway.balancing.balancer import Balancer
from gateway.balancing.discovery import Discovery
from gateway.balancing.pool import Connect, Pool
from gateway.balancing.replica import Replica
from gateway.config import GatewaySettings
from gateway.convert.named import RequestIds
from gateway.embeddings.cache import CacheMetrics, VectorCache
from gateway.embeddings.lookup import Lookup
from gateway.embeddings.rpc import RememberedEmbeds
from gateway.embeddings.text import RememberingText, stamps_of
from gateway.files.attaching import Attacher
from gateway.files.library import FileLibrary
from gateway.files.store_files import StoreFiles
from gateway.files.stores import VectorStores
from gateway.http.app import make_app
from gateway.http.playground.routes import Playground
from gateway.http.server import HttpServer
from gateway.http.storage import storage_routes
from gateway.http.surroundings import surrounded
from gateway.kserve.inferrer import Inferrer
from gateway.kserve.servicer import SERVICE as INFERENCE
from gateway.kserve.servicer import InferenceServicer
from gateway.listing import IMAGE_NATIVE, TEXT_NATIVE, image_listing, text_listing
from gateway.live import LiveView
from gateway.metrics import GatewayMetrics
from gateway.proxy import Proxied, handlers
from gateway.queues import queues
from gateway.rag.ask import Asker
from gateway.rag.ingest import Ingester
from gateway.routes import EVERYWHERE
from gateway.routing import Sole
from gateway.servicer import RagServicer
from gateway.streams.metrics import StreamMetrics
from gateway.streams.named import NamedRequests
from gateway.streams.rpc import NamedCalls
from gateway.watch import BackendWatch

log = structlog.get_logger(__name__)
RAG = rag_pb2.DESCRIPTOR.services_by_name["RagService"].full_name
TEXT_ADAPTERS = text_adapters_pb2.DESCRIPTOR.services_by_name["AdapterService"]
TEXT = text_pb2.DESCRIPTOR.services_by_name["TextService"]
IMAGE = image_pb2.DESCRIPTOR.services_by_name["ImageService"]
IMAGE_ADAPTERS = image_adapters_pb2.DESCRIPTOR.services_by_name["AdapterService"]
RETRIEVAL: tuple[ServiceDescriptor, ...] = tuple(
    service
    for module in (collection_pb2, document_pb2, search_pb2, admin_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)


class _Backends:
    """The other services: their servers, and how calls are spread over these."""

    def __init__(self, settings: GatewaySettings, metrics: GatewayMetrics) -> None:
        self.key = settings.backend_api_key
        self.pools = {
            kind: Pool(addresses, _connect(kind, settings))
            for kind, addresses in (
                ("text", settings.text_addresses),
                ("image", settings.image_addresses),
                ("retrieval", (settings.retrieval_address,)),
            )
        }
        text, image, retrieval = self.pools.values()
        self.texts = text_router(text, self.key, settings.model_fallbacks)
        self.images = image_router(image, self.key, settings.model_fallbacks)
        text_balancer, image_balancer = Balancer(self.texts, metrics), Balancer(self.images, metrics)
        self.text = GrpcTextBackend(self.texts, text_balancer, self.key)
        self.image = GrpcImageBackend(self.images, image_balancer, self.key)
        self.retrieval = GrpcRetrievalBackend(retrieval.replicas[0].channel, self.key)
        self.proxied = [
            Proxied(TEXT, text_balancer, TEXT_NATIVE),
            Proxied(TEXT_ADAPTERS, text_balancer, everywhere=EVERYWHERE),
            Proxied(IMAGE, image_balancer, IMAGE_NATIVE),
            Proxied(IMAGE_ADAPTERS, image_balancer, everywhere=EVERYWHERE),
            *(Proxied(service, Balancer(Sole(retrieval), metrics)) for service in RETRIEVAL),
        ]
        self.listings = (text_listing(self.texts), image_listing(self.images))
        self.discovery = Discovery((text, image), settings.resolve_interval_s)

    def serves(self, pool: str) -> bool:
        """Whether the backend of a pool of admission serves."""
        return self.pools[BACKENDS[pool]].serves


class Gateway:
    """All parts, wired."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings, self._registry = settings, CollectorRegistry()
        self._metrics = metrics = GatewayMetrics(self._registry)
        self._backends = backends = _Backends(settings, metrics)
        quotas = load_quotas(settings.quota_file)
        self._keeper = QuotaKeeper(quotas, settings.quota_file)
        admission = AdmissionMetrics(self._registry, settings.tenant_labels)
        self._gate = Gate(settings.pools, Accounts(quotas), admission, serving=backends.serves)
        cache = VectorCache(settings.embedding_cache_bytes, CacheMetrics(self._registry))
        lookup = Lookup(cache, functools.partial(stamps_of, backends.text))
        self._text = text = RememberingText(AdmittedText(backends.text, self._gate), lookup)
        self._asker = Asker(text, backends.retrieval, metrics)
        self._ingester = Ingester(text, backends.retrieval, metrics)
        self._stream_metrics = StreamMetrics(self._registry)
        self._named = NamedRequests(settings.stream_limits, self._stream_metrics)
        self._audit = AuditLog(settings.audit_file, self._registry) if settings.audit_file else NoAudit()
        self.server = self._grpc_door(lookup)
        self.services = (
            RAG,
            INFERENCE,
            *(item.full_name for item in (TEXT, TEXT_ADAPTERS, IMAGE, IMAGE_ADAPTERS, *RETRIEVAL)),
        )
        self.watch = BackendWatch(
            backends.pools,
            {
                "text": [TEXT.full_name, TEXT_ADAPTERS.full_name, INFERENCE],
                "image": [IMAGE.full_name, IMAGE_ADAPTERS.full_name],
                "retrieval": [item.full_name for item in RETRIEVAL],
            },
            self.server.health,
            metrics,
            own_services=[RAG],
            interval_s=settings.health_interval_s,
            refresh=(backends.texts.refresh, backends.images.refresh),
        )
        self._metrics_client = httpx.AsyncClient(trust_env=False)  # the services need no proxy
        self._library = FileLibrary(backends.retrieval)
        self._attacher = Attacher(text, backends.retrieval, self._library, self._ingester)
        self.http = self._http_door()
        self._watching: list[asyncio.Task[None]] = []

    def _grpc_door(self, lookup: Lookup) -> GrpcServer:
        """What is served over gRPC: the gateway's own services, and the others' as they come."""
        own, backends = rag_pb2.DESCRIPTOR.services_by_name["RagService"], self._backends
        server = GrpcServer(
            self._settings,
            registry=self._registry,
            outer=[AuditedCalls(self._audit)] if self._settings.audit_file else [],
            admitting=[Entered(self._gate)],
            inner=[NamedCalls(self._named, RequestIds((own, TEXT, IMAGE))), RememberedEmbeds(lookup)],
        )
        rag_pb2_grpc.add_RagServiceServicer_to_server(
            RagServicer(self._asker, self._ingester, self._metrics), server.grpc
        )
        inference = InferenceServicer(Inferrer(self._text), lambda: not server.draining and self.watch.ready)
        add_GRPCInferenceServiceServicer_to_server(inference, server.grpc)
        passed_on = handlers(backends.proxied, self._metrics, backends.key, self._gate)
        server.grpc.add_generic_rpc_handlers((*backends.listings, *passed_on))
        return server

    def _http_door(self) -> HttpServer:
        """What is served over HTTP: OpenAI's routes, files and vector stores, and the playground."""
        settings, text, retrieval = self._settings, self._text, self._backends.retrieval
        stores = VectorStores(text, retrieval)
        files = StoreFiles(retrieval, self._library, self._attacher)
        expositions = [HttpExposition(url, self._metrics_client) for url in settings.metrics_urls]
        places = {name: limits.running for name, limits in settings.pools.items()}
        own = functools.partial(queues, self._registry, places)
        view = LiveView(expositions, lambda: self.watch.serving, own)
        app = make_app(
            text,
            AdmittedImages(self._backends.image, self._gate),
            Playground(self._asker, self._ingester, retrieval, view, self._metrics),
            GuardModerator(text, settings.moderation_model) if settings.moderation_model else None,
            storage_routes(self._library, stores, files, text, retrieval),
            gate=self._gate,
            keys=self.server.keys,
            named=self._named,
            metrics=self._metrics,
            registry=self._registry,
            down=lambda: ("draining",) if self.server.draining else self.watch.down,
            max_body_bytes=settings.max_http_body_bytes,
            max_json_depth=settings.max_json_depth,
        )
        return HttpServer(
            surrounded(app, settings.caution, self._stream_metrics, self._audit),
            settings.http_host or settings.host,
            settings.http_port,
            grace_s=settings.drain_grace_s,
            max_head_bytes=settings.max_http_head_bytes,
            head_timeout_s=settings.http_read_timeout_s,
            stall_s=settings.reader_stall_s,
            tls=settings.server_tls,
        )

    async def start(self) -> None:
        """Open the HTTP door and begin to watch the backends."""
        await self.http.start()
        log.info("http_listening", port=self.http.bound_port)
        self._watching = [
            asyncio.create_task(task.run()) for task in (self.watch, self._backends.discovery, self._keeper)
        ]

    async def stop(self) -> None:
        """Close both."""
        for task in self._watching:
            task.cancel()
        await self.http.stop()
        await self._named.close()
        await self._attacher.stop()
        await self._metrics_client.aclose()
        await self._keeper.save()
        for pool in self._backends.pools.values():
            await pool.close()
        self._audit.close()


def _connect(kind: str, settings: GatewaySettings) -> Connect:
    tls, limit = settings.backend_tls, settings.max_message_bytes

    def connect(address: str, name: str | None) -> Replica:
        channel = open_channel(address, tls, limit, name)
        return Replica(address, channel, GrpcHealthProbe(f"{kind}@{address}", channel))

    return connect


async def _main(settings: GatewaySettings) -> None:
    gateway = Gateway(settings)
    await run(
        gateway.server,
        services=gateway.services,
        start=gateway.start,
        stop=gateway.stop,
        announce=False,
        metrics_endpoint=False,
    )


def main() -> None:
    """Read the settings and serve."""
    settings = load_settings(GatewaySettings)
    configure_logging(settings.service, settings.log_level)
    try:
        uvloop.run(_main(settings))
    except OSError as error:
        sys.stderr.write(f"gateway cannot start: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
