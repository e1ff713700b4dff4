"""Metrics of the image engine."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from serving.metrics import LATENCY_BUCKETS, RATIO_BUCKETS, SIZE_BUCKETS

from imagegen.device_meter import Spent
from imagegen.scheduler import Batch

_PREFIX = "quadrille_image_"
# Callers choose sizes; of those seen first, so many are told apart.
_MAX_SHAPES = 32
OUTCOMES = ("finished", "failed", "cancelled", "expired", "refused")


class ImagegenMetrics:
    """All metrics of the engine, on the registry given."""

    def __init__(self, registry: CollectorRegistry, *, counts_energy: bool = False) -> None:
        """`counts_energy` where a meter tells joules."""

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(_PREFIX + name, text, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(_PREFIX + name, text, labels, registry=registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(_PREFIX + name, text, labels, registry=registry, buckets=LATENCY_BUCKETS)

        self.requests_running = gauge("requests_running", "Requests that hold a place on the device")
        self.requests_waiting = gauge("requests_waiting", "Requests that wait for a place")
        self.loras_loaded = Gauge(
            _PREFIX + "loras_loaded", "LoRA adapters that requests may name", ["model"], registry=registry
        )
        self.rows_running = gauge("rows_running", "Images of requests that hold a place on the device")
        self.rows_waiting = gauge("rows_waiting", "Images of requests that wait for a place")
        self.images_total = counter("images_total", "Images asked for, by what became of them", "outcome")
        for outcome in OUTCOMES:  # a rate cannot see a series' first value
            self.images_total.labels(outcome)
        self.images_flagged_total = counter("images_flagged_total", "Images that the safety filter flagged")
        self.images_withheld_total = counter(
            "images_withheld_total", "Images that were withheld because the safety filter flagged them"
        )
        self.steps_total = counter("steps_total", "Denoising steps, counted once an image")
        self.batch_rows = Histogram(
            _PREFIX + "batch_rows", "Images in a denoising pass", registry=registry, buckets=SIZE_BUCKETS
        )
        self.batch_occupancy_ratio = Histogram(
            _PREFIX + "batch_occupancy_ratio",
            "Rows of a denoising pass, of the most there may be",
            registry=registry,
            buckets=RATIO_BUCKETS,
        )
        self.step_seconds = seconds("step_seconds", "Time of a denoising pass", "model", "shape")
        self._shapes: set[tuple[str, str]] = set()
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
        for reason in ("queue_full", "deadline"):
            self.admission_rejections_total.labels(reason)
        self.prompt_cache_hits_total = counter("prompt_cache_hits_total", "Prompts found embedded")
        self.prompt_cache_queries_total = counter("prompt_cache_queries_total", "Prompts looked up")
        self.energy_joules_total = (
            counter("energy_joules_total", "Energy of passes") if counts_energy else None
        )

    def denoised(self, batch: Batch, size: tuple[int, int], spent: Spent) -> None:
        """A denoising pass over a batch of images of `size`, (width, height) in pixels."""
        self.batch_rows.observe(batch.rows)
        self.batch_occupancy_ratio.observe(batch.occupancy)
        self.steps_total.inc(batch.rows)
        model = batch.key.model
        self.step_seconds.labels(model, self._shape(model, f"{size[0]}x{size[1]}")).observe(spent.seconds)

    def refused(self, reason: str, images: int) -> None:
        """A request for so many images was refused: queue_full or deadline."""
        self.admission_rejections_total.labels(reason).inc()
        self.images_total.labels("refused").inc(images)

    def _shape(self, model: str, shape: str) -> str:
        if len(self._shapes) < _MAX_SHAPES:
            self._shapes.add((model, shape))
        return shape if (model, shape) in self._shapes else "other"
