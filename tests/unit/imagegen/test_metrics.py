from imagegen.metrics import ImagegenMetrics
from prometheus_client import CollectorRegistry, generate_latest

NAMES = (
    "requests_running",
    "requests_waiting",
    "images_total",
    "steps_total",
    "batch_rows",
    "step_seconds",
    "request_queue_time_seconds",
    "denoise_seconds",
    "decode_seconds",
    "e2e_request_latency_seconds",
    "time_to_first_preview_seconds",
    "request_success_total",
    "request_failure_total",
    "cancelled_total",
    "expired_total",
    "prompt_cache_hits_total",
    "prompt_cache_queries_total",
)


def test_every_metric_exists_under_its_name() -> None:
    registry = CollectorRegistry()
    metrics = ImagegenMetrics(registry)
    metrics.admission_rejections_total.labels("queue_full").inc()
    text = generate_latest(registry).decode()
    for name in NAMES:
        kind = "histogram" if name.endswith(("seconds", "rows")) else "counter"
        kind = "gauge" if name.startswith("requests_") else kind
        assert f"# TYPE quadrille_image_{name} {kind}" in text
    assert 'quadrille_image_admission_rejections_total{reason="queue_full"} 1.0' in text


def test_refusals_are_counted_from_zero() -> None:
    registry = CollectorRegistry()
    ImagegenMetrics(registry)
    name = "quadrille_image_admission_rejections_total"
    for reason in ("queue_full", "deadline"):
        assert registry.get_sample_value(name, {"reason": reason}) == 0
