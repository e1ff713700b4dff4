"""The composition root: reads the config, builds, wires, starts."""

import sys
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry
from serving.config import load_settings
from serving.errors import QuadrilleError
from serving.log import configure_logging
from serving.server import GrpcServer, run

from retrieval import failpoints, limits
from retrieval.audit import RecallAudit
from retrieval.config import RetrievalSettings
from retrieval.convert.answers import passage_to_bytes
from retrieval.durable import make_private_directory
from retrieval.engine import Engine
from retrieval.index.builder import Builder
from retrieval.index.files import SegmentFiles
from retrieval.index.flat import FlatIndex
from retrieval.index.kinds import faiss_kinds
from retrieval.index.set import IndexSet, Segments
from retrieval.kept import KeptPassages
from retrieval.memory import map_large_blocks
from retrieval.metrics import StoreMetrics
from retrieval.servicers import SERVICES, register
from retrieval.store.base import CommitListener, Store
from retrieval.store.sqlite.store import SqliteStore

# Reads and searches ask for the interpreter's lock again and again: each time the event loop may hold it for this long.
_SWITCH_S = 0.0005


def open_segments(settings: RetrievalSettings, directory: Path) -> Segments:
    """Where sealed segments lie: with FAISS in this process, or in the Milvus that the settings name.

    Raises Unavailable when that does not answer.
    """
    if settings.milvus_uri is None:
        return Segments(SegmentFiles(directory / "segments"), faiss_kinds(settings.target_recall))
    from retrieval.index.milvus.kind import milvus_kinds
    from retrieval.index.milvus.server import Milvus, identity

    make_private_directory(directory)
    token = settings.milvus_token.get_secret_value()
    milvus = Milvus(settings.milvus_uri, token, identity(directory / "milvus"))
    return Segments(SegmentFiles(directory / "segments", milvus), milvus_kinds(milvus))


def build_engine(settings: RetrievalSettings, registry: CollectorRegistry) -> Engine:
    """An engine that will open the store that the settings name."""
    failpoints.arm(settings.failpoints)
    metrics = StoreMetrics(registry)
    directory = settings.data_dir / "retrieval"
    segments = open_segments(settings, directory)
    indexes = IndexSet(FlatIndex, metrics, segments)

    def open_store(listener: CommitListener) -> SqliteStore:
        return SqliteStore(
            directory,
            listener,
            metrics,
            max_batch=settings.max_batch,
            max_queued=settings.max_queued_writes,
            postings_bytes=settings.word_cache_bytes,
        )

    def open_builder(store: Store) -> Builder:
        return Builder(
            store,
            indexes,
            segments,
            metrics,
            seal_at=settings.seal_at,
            quiet_s=settings.quiet_s,
            threads=settings.build_threads,
        )

    def open_audit(store: Store) -> RecallAudit:
        return RecallAudit(store, indexes, metrics, share=settings.audit_share)

    return Engine(
        open_store,
        open_builder,
        open_audit,
        indexes,
        metrics,
        KeptPassages(settings.passage_cache_bytes, passage_to_bytes),
        reader_threads=settings.reader_threads,
        most_vector_bytes=min(limits.MAX_FOUND_VECTOR_BYTES, settings.max_message_bytes // 2),
    )


async def serve(settings: RetrievalSettings) -> None:
    """Serve until signalled."""
    registry = CollectorRegistry()
    engine = build_engine(settings, registry)
    server = GrpcServer(settings, registry=registry)
    register(server.grpc, engine, settings.ingest_window)
    await run(server, services=SERVICES, start=engine.start, stop=engine.stop)


def main() -> None:
    """Run the service."""
    settings = load_settings(RetrievalSettings)
    configure_logging(settings.service, settings.log_level)
    sys.setswitchinterval(_SWITCH_S)
    map_large_blocks()
    try:
        uvloop.run(serve(settings))
    except (QuadrilleError, OSError) as error:
        sys.stderr.write(f"retrieval cannot start: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
