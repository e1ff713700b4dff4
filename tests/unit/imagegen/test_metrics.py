from imagegen.device_meter import Spent
from imagegen.metrics import ImagegenMetrics
from imagegen.scheduler import Batch, Slice, StageKey
from prometheus_client import CollectorRegistry, generate_latest

NAMES = (
    "requests_running",
    "requests_waiting",
    "rows_running",
    "rows_waiting",
    "images_total",
    "steps_total",
    "batch_rows",
    "batch_occupancy_ratio",
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
        kind = "histogram" if name.endswith(("seconds", "batch_rows", "ratio")) else "counter"
        kind = "gauge" if name.endswith(("_running", "_waiting")) else kind
        assert f"# TYPE quadrille_image_{name} {kind}" in text
    assert 'quadrille_image_admission_rejections_total{reason="queue_full"} 1.0' in text


def test_refusals_are_counted_from_zero() -> None:
    registry = CollectorRegistry()
    ImagegenMetrics(registry)
    name = "quadrille_image_admission_rejections_total"
    for reason in ("queue_full", "deadline"):
        assert registry.get_sample_value(name, {"reason": reason}) == 0


def test_shapes_are_told_apart_up_to_a_bound() -> None:
    registry = CollectorRegistry()
    metrics = ImagegenMetrics(registry)
    for side in range(1, 100):
        batch = Batch(StageKey("m", side, side), (Slice(1, 0, 0, 2),), 2, 0.5)
        metrics.denoised(batch, (8 * side, 8 * side), Spent(0.5))
    name = "quadrille_image_step_seconds_count"
    assert registry.get_sample_value(name, {"model": "m", "shape": "8x8"}) == 1
    shapes = {
        sample.labels["shape"] for family in metrics.step_seconds.collect() for sample in family.samples
    }
    assert len(shapes) == 33
    assert registry.get_sample_value(name, {"model": "m", "shape": "other"}) == 99 - 32
    assert registry.get_sample_value("quadrille_image_batch_occupancy_ratio_sum") == 99 / 2
    assert registry.get_sample_value("quadrille_image_steps_total") == 2 * 99


def test_energy_is_counted_only_with_a_meter() -> None:
    for counts, expected in ((True, 0.0), (False, None)):
        registry = CollectorRegistry()
        ImagegenMetrics(registry, counts_energy=counts)
        assert registry.get_sample_value("quadrille_image_energy_joules_total") == expected
