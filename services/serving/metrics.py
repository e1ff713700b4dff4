"""Buckets shared by all services, and the metrics that every rpc server has."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

# Geometric, so that a quantile's relative error is the same everywhere.
LATENCY_BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
)
SIZE_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
TOKEN_BUCKETS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)
RATIO_BUCKETS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class RpcMetrics:
    """Counts and times of rpcs, by method; methods are bounded because only registered ones are counted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        self.started = Counter("quadrille_rpc_started_total", "Rpcs begun", ["method"], registry=registry)
        self.handled = Counter(
            "quadrille_rpc_handled_total", "Rpcs ended, by code", ["method", "code"], registry=registry
        )
        self.seconds = Histogram(
            "quadrille_rpc_duration_seconds",
            "Time in the rpc",
            ["method"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge("quadrille_rpc_in_flight", "Rpcs running now", registry=registry)
