"""What is counted at the door."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from serving.metrics import LATENCY_BUCKETS

OTHERS = "other"


class AdmissionMetrics:
    """Labels are bounded: pools and reasons are few, and the first `most_tenants` tenants are told apart."""

    def __init__(self, registry: CollectorRegistry, most_tenants: int) -> None:
        self._most_tenants = most_tenants
        self._tenants: set[str] = set()
        self.decisions = Counter(
            "quadrille_gateway_admission_total",
            "Work by what became of it: started, or the reason why not",
            ["pool", "outcome"],
            registry=registry,
        )
        self.refused = Counter(
            "quadrille_gateway_limited_total", "Refusals by limits of keys", ["reason"], registry=registry
        )
        self.running = Gauge(
            "quadrille_gateway_pool_running", "Work that runs behind", ["pool"], registry=registry
        )
        self.waiting = Gauge(
            "quadrille_gateway_pool_waiting", "Work that waits for its turn", ["pool"], registry=registry
        )
        self.waiting_units = Gauge(
            "quadrille_gateway_pool_waiting_units", "Cost of what waits", ["pool"], registry=registry
        )
        self.wait_seconds = Histogram(
            "quadrille_gateway_pool_wait_seconds",
            "Time from arrival to one's turn",
            ["pool"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.fairness = Gauge(
            "quadrille_gateway_fairness_index",
            "Jain's index over the last minute, of what tenants got relative to their max-min fair share",
            ["pool"],
            registry=registry,
        )
        self.tokens = Counter(
            "quadrille_gateway_tenant_tokens_total",
            "Tokens read and generated, by tenant",
            ["tenant"],
            registry=registry,
        )

    def begin(self, pools: Iterable[str]) -> None:
        """Show pools before anything happens in them."""
        for pool in pools:
            self.running.labels(pool)
            self.waiting.labels(pool)

    def tenant(self, name: str) -> str:
        """A tenant's label: its name, or "other" where too many were seen before it."""
        if name not in self._tenants and len(self._tenants) < self._most_tenants:
            self._tenants.add(name)
        return name if name in self._tenants else OTHERS
