"""OpenTelemetry spans: exported over OTLP when an endpoint is configured, otherwise free."""

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()


def make_tracer_provider(service: str, otlp_endpoint: str | None) -> trace.TracerProvider:
    """A provider that exports to `otlp_endpoint` (host:port), or one that does nothing."""
    if otlp_endpoint is None:
        return trace.NoOpTracerProvider()
    provider = TracerProvider(resource=Resource.create({"service.name": f"quadrille-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint, insecure=True)))
    return provider


def names_a_trace(metadata: Mapping[str, str]) -> bool:
    """Whether a caller's metadata name a trace."""
    return not _propagator.fields.isdisjoint(metadata)


def incoming_context(metadata: Mapping[str, str]) -> Context:
    """The trace that a caller's metadata names (W3C traceparent)."""
    return _propagator.extract(metadata)


def trace_metadata() -> dict[str, str]:
    """Metadata that carries the current trace on."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier
