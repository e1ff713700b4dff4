"""What is counted of named requests and of readers."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class StreamMetrics:
    """Labels are bounded: outcomes and doors are few."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.named = Counter(
            "quadrille_gateway_named_requests_total",
            "Named requests: begun, attached to, replayed, resumed, refused as reused or gone",
            ["outcome"],
            registry=registry,
        )
        self.running = Gauge(
            "quadrille_gateway_named_requests_running", "Named requests being worked on", registry=registry
        )
        self.held_bytes = Gauge("quadrille_gateway_replay_bytes", "Bytes kept for replay", registry=registry)
        self.abandoned = Counter(
            "quadrille_gateway_named_requests_abandoned_total",
            "Named requests cancelled because nobody came back for them",
            registry=registry,
        )
        self.stalled = Counter(
            "quadrille_gateway_http_stalled_readers_total",
            "HTTP connections closed because their clients did not read",
            registry=registry,
        )
