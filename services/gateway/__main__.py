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


class Gateway:
    """All parts, wired."""

    def __init__(self, settings: GatewaySettings) -> None:
        registry = CollectorRegistry()
        metrics = GatewayMetrics(registry)
        key = settings.backend_api_key
        self._pools = {
            kind: Pool(addresses, _connect(kind, settings))
            for kind, addresses in (
                ("text", settings.text_addresses),
                ("image", settings.image_addresses),
                ("retrieval", (settings.retrieval_address,)),
            )
        }
        text_pool, image_pool, retrieval_pool = self._pools.values()
        texts = text_router(text_pool, key, settings.model_fallbacks)
        images = image_router(image_pool, key, settings.model_fallbacks)
        text_balancer, image_balancer = Balancer(texts, metrics), Balancer(images, metrics)
        self._quotas = load_quotas(settings.quota_file)
        self._keeper = QuotaKeeper(self._quotas, settings.quota_file)
        gate = Gate(
            settings.pools,
            Accounts(self._quotas),
            AdmissionMetrics(registry, settings.tenant_labels),
            serving=lambda pool: self._pools[BACKENDS[pool]].serves,
        )
        reached = GrpcTextBackend(texts, text_balancer, key)
        cache = VectorCache(settings.embedding_cache_bytes, CacheMetrics(registry))
        lookup = Lookup(cache, functools.partial(stamps_of, reached))
        text = RememberingText(AdmittedText(reached, gate), lookup)
        image = AdmittedImages(GrpcImageBackend(images, image_balancer, key), gate)
        retrieval = GrpcRetrievalBackend(retrieval_pool.replicas[0].channel, key)
        stream_metrics = StreamMetrics(registry)
        self._named = NamedRequests(settings.stream_limits, stream_metrics)
        ids = RequestIds((rag_pb2.DESCRIPTOR.services_by_name["RagService"], TEXT, IMAGE))
        self._audit = AuditLog(settings.audit_file, registry) if settings.audit_file else NoAudit()
        outer = [AuditedCalls(self._audit)] if settings.audit_file else []
        inner = [NamedCalls(self._named, ids), RememberedEmbeds(lookup)]
        self.server = GrpcServer(
            settings, registry=registry, outer=outer, admitting=[Entered(gate)], inner=inner
        )
        asker, ingester = Asker(text, retrieval, metrics), Ingester(text, retrieval, metrics)
        servicer = RagServicer(asker, ingester, metrics)
        rag_pb2_grpc.add_RagServiceServicer_to_server(servicer, self.server.grpc)
        inference = InferenceServicer(Inferrer(text), lambda: not self.server.draining and self.watch.ready)
        add_GRPCInferenceServiceServicer_to_server(inference, self.server.grpc)
        proxied = [
            Proxied(TEXT, text_balancer, TEXT_NATIVE),
            Proxied(TEXT_ADAPTERS, text_balancer, everywhere=EVERYWHERE),
            Proxied(IMAGE, image_balancer, IMAGE_NATIVE),
            Proxied(IMAGE_ADAPTERS, image_balancer, everywhere=EVERYWHERE),
            *(Proxied(service, Balancer(Sole(retrieval_pool), metrics)) for service in RETRIEVAL),
        ]
        listings = (text_listing(texts), image_listing(images))
        self.server.grpc.add_generic_rpc_handlers((*listings, *handlers(proxied, metrics, key, gate)))
        self.services = (
            RAG,
            INFERENCE,
            *(item.full_name for item in (TEXT, TEXT_ADAPTERS, IMAGE, IMAGE_ADAPTERS, *RETRIEVAL)),
        )
        self.watch = BackendWatch(
            self._pools,
            {
                "text": [TEXT.full_name, TEXT_ADAPTERS.full_name, INFERENCE],
                "image": [IMAGE.full_name, IMAGE_ADAPTERS.full_name],
                "retrieval": [item.full_name for item in RETRIEVAL],
            },
            self.server.health,
            metrics,
            own_services=[RAG],
            interval_s=settings.health_interval_s,
            refresh=(texts.refresh, images.refresh),
        )
        self._discovery = Discovery((text_pool, image_pool), settings.resolve_interval_s)
        self._metrics_client = httpx.AsyncClient(trust_env=False)  # the services need no proxy
        expositions = [HttpExposition(url, self._metrics_client) for url in settings.metrics_urls]
        view = LiveView(expositions, lambda: self.watch.serving)
        library, stores = FileLibrary(retrieval), VectorStores(text, retrieval)
        self._attacher = Attacher(text, retrieval, library, ingester)
        files = StoreFiles(retrieval, library, self._attacher)
        app = make_app(
            text,
            image,
            Playground(asker, ingester, retrieval, view, metrics),
            GuardModerator(text, settings.moderation_model) if settings.moderation_model else None,
            storage_routes(library, stores, files, text, retrieval),
            gate=gate,
            keys=self.server.keys,
            named=self._named,
            metrics=metrics,
            registry=registry,
            down=lambda: ("draining",) if self.server.draining else self.watch.down,
            max_body_bytes=settings.max_http_body_bytes,
            max_json_depth=settings.max_json_depth,
        )
        host = settings.http_host or settings.host
        self.http = HttpServer(
            surrounded(app, settings.caution, stream_metrics, self._audit),
            host,
            settings.http_port,
            grace_s=settings.drain_grace_s,
            max_head_bytes=settings.max_http_head_bytes,
            head_timeout_s=settings.http_read_timeout_s,
            stall_s=settings.reader_stall_s,
            tls=settings.server_tls,
        )
        self._watching: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the HTTP door and begin to watch the backends."""
        await self.http.start()
        log.info("http_listening", port=self.http.bound_port)
        self._watching = [
            asyncio.create_task(task.run()) for task in (self.watch, self._discovery, self._keeper)
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
        for pool in self._pools.values():
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
