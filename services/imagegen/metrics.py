"""Metrics of the image engine."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from serving.metrics import LATENCY_BUCKETS, SIZE_BUCKETS

_PREFIX = "quadrille_image_"


class ImagegenMetrics:
    """All metrics of the engine, on the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(_PREFIX + name, text, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(_PREFIX + name, text, labels, registry=registry)

        def seconds(name: str, text: str) -> Histogram:
            return Histogram(_PREFIX + name, text, registry=registry, buckets=LATENCY_BUCKETS)

        self.requests_running = gauge("requests_running", "Requests that hold a place on the device")
        self.requests_waiting = gauge("requests_waiting", "Requests that wait for a place")
        self.images_total = counter("images_total", "Images made")
        self.steps_total = counter("steps_total", "Denoising steps, counted once an image")
        self.batch_rows = Histogram(
            _PREFIX + "batch_rows", "Images in a denoising pass", registry=registry, buckets=SIZE_BUCKETS
        )
        self.step_seconds = seconds("step_seconds", "Time of a denoising pass")
        self.request_queue_time_seconds = seconds("request_queue_time_seconds", "Waiting for a place")
        self.denoise_seconds = seconds("denoise_seconds", "Denoising of a request")
        self.decode_seconds = seconds("decode_seconds", "Decoding of a request's latents")
        self.e2e_request_latency_seconds = seconds("e2e_request_latency_seconds", "Submission to last result")
        self.time_to_first_preview_seconds = seconds(
            "time_to_first_preview_seconds", "Submission to first preview"
        )
        self.request_success_total = counter("request_success_total", "Requests done")
        self.request_failure_total = counter("request_failure_total", "Requests that failed on the device")
        self.cancelled_total = counter("cancelled_total", "Requests dropped because the caller left")
        self.expired_total = counter("expired_total", "Requests dropped because their deadline passed")
        self.admission_rejections_total = counter(
            "admission_rejections_total", "Requests refused at submission", "reason"
        )
        for reason in ("queue_full", "deadline"):  # a rate cannot see a series' first value
            self.admission_rejections_total.labels(reason)
        self.prompt_cache_hits_total = counter("prompt_cache_hits_total", "Prompts found embedded")
        self.prompt_cache_queries_total = counter("prompt_cache_queries_total", "Prompts looked up")
