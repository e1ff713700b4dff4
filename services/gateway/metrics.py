"""What the gateway counts."""

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from serving.metrics import LATENCY_BUCKETS, RATIO_BUCKETS

from gateway.domain import ingest
from gateway.domain.answer import Abstention, AskTimings, Groundedness

STAGES = ("rewrite", "embed", "search", "rerank", "pack", "first_token", "generate", "support")


class GatewayMetrics:
    """Metrics of the door; labels are bounded: routes, status codes, services, addresses of the configuration."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.http_requests = Counter(
            "quadrille_gateway_http_requests_total", "HTTP requests", ["route", "status"], registry=registry
        )
        self.http_seconds = Histogram(
            "quadrille_gateway_http_request_seconds",
            "Time until the response began",
            ["route"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.asks = Counter(
            "quadrille_gateway_rag_asks_total", "Questions, by outcome", ["outcome"], registry=registry
        )
        self.stage_seconds = Histogram(
            "quadrille_gateway_rag_stage_seconds",
            "Time in each stage of an answer",
            ["stage"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.ask_seconds = Histogram(
            "quadrille_gateway_rag_ask_seconds",
            "Time of whole answers",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.groundedness = Histogram(
            "quadrille_gateway_rag_groundedness_ratio",
            "Part of an answer's sentences that a passage supports",
            buckets=RATIO_BUCKETS,
            registry=registry,
        )
        self.abstentions = Counter(
            "quadrille_gateway_rag_abstentions_total",
            "Questions that the documents don't answer, by reason",
            ["reason"],
            registry=registry,
        )
        self.sentences = Counter(
            "quadrille_gateway_rag_sentences_total",
            "Sentences of answers, by fate: supported, unsupported, withheld",
            ["fate"],
            registry=registry,
        )
        self.files = Counter(
            "quadrille_gateway_ingest_files_total", "Files, by outcome", ["outcome"], registry=registry
        )
        self.proxied = Counter(
            "quadrille_gateway_proxied_calls_total",
            "Calls passed on, by outcome",
            ["service", "code"],
            registry=registry,
        )
        self.backend_up = Gauge(
            "quadrille_gateway_backend_up", "1 while a backend says SERVING", ["backend"], registry=registry
        )
        self.backend_calls = Gauge(
            "quadrille_gateway_backend_calls",
            "Calls that run at a backend",
            ["backend"],
            registry=registry,
        )
        self.ejections = Counter(
            "quadrille_gateway_backend_ejections_total",
            "Times that a backend was taken out of use for its failures",
            ["backend"],
            registry=registry,
        )
        self.retries = Counter(
            "quadrille_gateway_retries_total",
            "Calls that failed before their first message and could go to another backend, by what became of that",
            ["outcome"],
            registry=registry,
        )
        self.fallbacks = Counter(
            "quadrille_gateway_fallbacks_total",
            "Calls that went to another model than they named, by that name",
            ["model"],
            registry=registry,
        )

    @contextlib.contextmanager
    def counted_ask(self) -> Iterator[None]:
        """Count a question when what is within ends: answered, or failed, which to be left counts as."""
        outcome = "failed"
        try:
            yield
            outcome = "answered"
        finally:
            self.asks.labels(outcome).inc()

    def observe_ask(
        self, timings: AskTimings, groundedness: Groundedness, abstention: Abstention | None
    ) -> None:
        """An answer or an abstention. Stages that it lacks are not counted, nor support where nothing is said."""
        for stage in STAGES:
            if milliseconds := getattr(timings, f"{stage}_ms"):
                self.stage_seconds.labels(stage).observe(milliseconds / 1000)
        if abstention is not None:
            self.abstentions.labels(abstention.value).inc()
        if abstention not in (Abstention.NOTHING_FOUND, Abstention.NOTHING_USABLE):
            self.ask_seconds.observe(timings.total_ms / 1000)
        if groundedness.sentence_count:
            self.groundedness.observe(groundedness.score)
        supported, withheld = groundedness.supported_sentence_count, groundedness.withheld_sentence_count
        self.sentences.labels("supported").inc(supported)
        self.sentences.labels("unsupported").inc(groundedness.sentence_count - supported - withheld)
        self.sentences.labels("withheld").inc(withheld)

    def count_file(self, event: ingest.FileStored | ingest.FileRefused) -> None:
        """The fate of a file."""
        stored = "unchanged" if isinstance(event, ingest.FileStored) and event.unchanged else "stored"
        outcome = "refused" if isinstance(event, ingest.FileRefused) else stored
        self.files.labels(outcome).inc()
