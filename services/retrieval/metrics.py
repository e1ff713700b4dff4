"""Prometheus metrics. Totals carry no collection or tenant, so their number is bounded."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from serving.errors import QuadrilleError
from serving.metrics import LATENCY_BUCKETS, SIZE_BUCKETS

from retrieval.reports import Stats

_PREFIX = "quadrille_retrieval_"
_RECALL_BUCKETS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0)
# Telling what may be found, the nearest vectors, the words, and reading what was found.
STAGES = ("filter", "vectors", "words", "passages")
_GAUGES = {
    "collections": "Collections of all tenants",
    "documents": "Documents stored",
    "chunks": "Chunks stored",
    "vectors": "Vectors in memory",
    "vector_bytes": "Size of the vectors in memory, in bytes",
    "disk_bytes": "Size of the store on disk, write-ahead log and segments included, in bytes",
    "segments": "Sealed segments of vector indexes",
    "segment_bytes": "Size of the segments' files, in bytes",
    "unsealed_vectors": "Vectors that wait for a segment and are searched flat",
    "tombstone_ratio": "Share of the segments' vectors that are gone, from 0 to 1",
    "last_lsn": "Log sequence number of the last write",
}


class StoreMetrics:
    """What the store and the engine count and time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.ingest_documents = Counter(
            f"{_PREFIX}ingest_documents_total",
            "Documents of ingests and upserts, by outcome: accepted or rejected",
            ["outcome"],
            registry=registry,
        )
        self.search_seconds = _seconds("search_seconds", "Time of one query in the store", registry, "mode")
        stages = _seconds(
            "search_stage_seconds",
            "Time of a part of a search, by part, once for queries searched together",
            registry,
            "stage",
        )
        self.stages = {stage: stages.labels(stage) for stage in STAGES}
        self.candidates = Histogram(
            f"{_PREFIX}candidates",
            "Chunks that a ranking gave for a query, by ranking: dense or lexical",
            ["ranking"],
            buckets=SIZE_BUCKETS,
            registry=registry,
        )
        self.pass_size = Histogram(
            f"{_PREFIX}pass_size",
            "Dense queries that were answered together",
            buckets=SIZE_BUCKETS,
            registry=registry,
        )
        self.recall = Histogram(
            f"{_PREFIX}recall",
            "Share of the true nearest that audited queries found, by kind of index and effort",
            ["index", "effort"],
            buckets=_RECALL_BUCKETS,
            registry=registry,
        )
        self.write_seconds = _seconds("write_seconds", "Time of one group commit", registry)
        self.index_rebuild_seconds = _seconds(
            "index_rebuild_seconds", "Time of deriving vector indexes from the database", registry
        )
        self.segment_build_seconds = _seconds(
            "segment_build_seconds", "Time of building and publishing a segment", registry
        )
        self.failed_builds = Counter(
            f"{_PREFIX}segment_build_failures_total",
            "Segments that could not be built or published",
            registry=registry,
        )
        self.damaged_segments = Counter(
            f"{_PREFIX}damaged_segments_total",
            "Segments that were not as written when they were loaded, and are built again",
            registry=registry,
        )
        self.commit_batch_size = Histogram(
            f"{_PREFIX}commit_batch_size", "Writes per commit", buckets=SIZE_BUCKETS, registry=registry
        )

    def watch(self, measure: Callable[[], Stats]) -> None:
        """Show the store's measures, taken anew at every scrape."""
        self._registry.register(_StatsCollector(measure))


class _StatsCollector(Collector):
    def __init__(self, measure: Callable[[], Stats]) -> None:
        self._measure = measure

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [*(GaugeMetricFamily(_PREFIX + name, text) for name, text in _GAUGES.items()), _widths()]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        try:
            stats = self._measure()
        except QuadrilleError:  # a damaged or closed store must not take the other metrics with it
            return
        values = {
            "collections": stats.totals.collection_count,
            "documents": stats.totals.document_count,
            "chunks": stats.totals.chunk_count,
            "vectors": stats.index.vector_count,
            "vector_bytes": stats.index.vector_bytes,
            "disk_bytes": stats.disk_bytes,
            "segments": stats.index.segment_count,
            "segment_bytes": stats.index.segment_bytes,
            "unsealed_vectors": stats.index.unsealed_count,
            "tombstone_ratio": stats.index.tombstone_count / max(1, stats.index.sealed_count),
            "last_lsn": stats.totals.last_lsn,
        }
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(_PREFIX + name, text, value=values[name])
        widths = _widths()
        for (index, effort), width in stats.index.walk_widths.items():
            widths.add_metric([index.value, effort.value], width)
        yield widths


def _widths() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        f"{_PREFIX}walk_width",
        "Vectors that the widest walk for the nearest 10 holds, by kind of index and effort",
        labels=["index", "effort"],
    )


def _seconds(name: str, text: str, registry: CollectorRegistry, *labels: str) -> Histogram:
    return Histogram(_PREFIX + name, text, labels, buckets=LATENCY_BUCKETS, registry=registry)
