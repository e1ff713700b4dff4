"""What textgen counts, by model; models are bounded because only loaded ones are labels."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from serving.metrics import LATENCY_BUCKETS, SIZE_BUCKETS, TOKEN_BUCKETS

from textgen.domain import FinishReason, Timings

_PREFIX = "quadrille_text_"


class TextMetrics:
    """The metric families; `model` binds them to one model."""

    def __init__(self, registry: CollectorRegistry, *, has_meter: bool = False) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(_PREFIX + name, text, ["model", *labels], registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(_PREFIX + name, text, ["model"], registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...] = LATENCY_BUCKETS) -> Histogram:
            return Histogram(_PREFIX + name, text, ["model"], buckets=buckets, registry=registry)

        self.running = gauge("requests_running", "Sequences in the running batch")
        self.waiting = gauge("requests_waiting", "Requests that wait for a place in a batch")
        self.kv_usage = gauge("kv_cache_usage_ratio", "Part of the cache that running sequences hold")
        self.prefix_queries = counter(
            "prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache"
        )
        self.prefix_hits = counter("prefix_cache_hits_total", "Prompt tokens found there")
        self.drafted = counter("speculation_drafts_total", "Tokens guessed by prompt lookup")
        self.drafts_kept = counter("speculation_kept_total", "Guesses that were right")
        self.preemptions = counter(
            "preemptions_total", "Sequences that gave their blocks back, to go on later"
        )
        self.prompt_tokens = counter("prompt_tokens_total", "Tokens read")
        self.generation_tokens = counter("generation_tokens_total", "Tokens generated")
        self.embeddings = counter("embeddings_total", "Vectors made")
        self.success = counter("request_success_total", "Sequences that ended well", "finish_reason")
        self.rejections = counter("admission_rejections_total", "Requests refused", "reason")
        self.ttft = histogram("time_to_first_token_seconds", "From arrival to the first token")
        self.itl = histogram("inter_token_latency_seconds", "Between tokens of a request")
        self.queue = histogram("request_queue_time_seconds", "Waiting for a place in a batch")
        self.prefill = histogram(
            "request_prefill_time_seconds", "From then to the first token, or the forward pass"
        )
        self.decode = histogram("request_decode_time_seconds", "From the first token to the last")
        self.e2e = histogram("e2e_request_latency_seconds", "From arrival to the end")
        self.batch_size = histogram("batch_size", "Rows in a forward pass", SIZE_BUCKETS)
        self.iteration_tokens = histogram("iteration_tokens", "Tokens in a forward pass", TOKEN_BUCKETS)
        self.restarts = Counter(
            _PREFIX + "engine_restarts_total",
            "Times that a device thread was stuck and left behind",
            registry=registry,
        )
        self.energy = counter("energy_joules_total", "Energy of forward passes") if has_meter else None
        self.experts = ExpertTokens()
        registry.register(self.experts)

    def model(self, name: str) -> "ModelMetrics":
        """The metrics of one model."""
        return ModelMetrics(self, name)


class ExpertTokens(Collector):
    """Tokens of mixtures' experts, read at each scrape: there may be thousands of them, too many to count by a pass."""

    def __init__(self) -> None:
        self._loads: dict[str, Callable[[], Mapping[int, Sequence[int]]]] = {}

    def watch(self, model: str, load: Callable[[], Mapping[int, Sequence[int]]]) -> None:
        """Show what `load` gives: by layer, the tokens of each expert so far."""
        self._loads[model] = load

    def collect(self) -> Iterable[CounterMetricFamily]:
        """One sample for each expert of each layer of each model."""
        family = CounterMetricFamily(
            _PREFIX + "moe_expert_tokens",
            "Tokens that an expert of a layer computed",
            labels=["model", "layer", "expert"],
        )
        for model, load in self._loads.items():
            for layer, experts in load().items():
                for expert, tokens in enumerate(experts):
                    family.add_metric([model, str(layer), str(expert)], tokens)
        yield family


class ModelMetrics:
    """Observations of one model; safe to make from any thread."""

    def __init__(self, families: TextMetrics, model: str) -> None:
        self._families = families
        self._model = model
        self._running = families.running.labels(model)
        self._waiting = families.waiting.labels(model)
        self._kv_usage = families.kv_usage.labels(model)
        self._prompt_tokens = families.prompt_tokens.labels(model)
        self._generation_tokens = families.generation_tokens.labels(model)
        self._preemptions = families.preemptions.labels(model)
        self._looked_up = families.prefix_queries.labels(model)
        self._found = families.prefix_hits.labels(model)
        self._drafted = families.drafted.labels(model)
        self._kept = families.drafts_kept.labels(model)
        self._embeddings = families.embeddings.labels(model)
        self._itl = families.itl.labels(model)
        self._batch_size = families.batch_size.labels(model)
        self._iteration_tokens = families.iteration_tokens.labels(model)
        for reason in FinishReason:
            families.success.labels(model, reason.value)
        for refusal in ("overloaded", "deadline"):
            families.rejections.labels(model, refusal)

    def passed(self, *, rows: int, tokens: int, joules: float | None) -> None:
        """One forward pass."""
        self._batch_size.observe(rows)
        self._iteration_tokens.observe(tokens)
        if self._families.energy is not None and joules is not None:
            self._families.energy.labels(self._model).inc(joules)

    def batch(self, *, running: int, held_ratio: float) -> None:
        """The running batch after a step."""
        self._running.set(running)
        self._kv_usage.set(held_ratio)

    def planned(self, *, preempted: int, looked_up: int, found: int) -> None:
        """Sequences that gave their blocks back; tokens of newcomers, and those found in the prefix cache."""
        self._preemptions.inc(preempted)
        self._looked_up.inc(looked_up)
        self._found.inc(found)

    def guessed(self, drafts: int, *, kept: int) -> None:
        """Tokens that prompt lookup guessed for a pass, and those that were right."""
        self._drafted.inc(drafts)
        self._kept.inc(kept)

    def waits(self, count: int) -> None:
        """Requests in the queue now."""
        self._waiting.set(count)

    def read(self, tokens: int) -> None:
        """Prompt tokens that a pass read."""
        self._prompt_tokens.inc(tokens)

    def wrote(self, tokens: int) -> None:
        """Tokens that a pass generated."""
        self._generation_tokens.inc(tokens)

    def embedded(self, count: int) -> None:
        """Vectors that were made."""
        self._embeddings.inc(count)

    def between_tokens(self, seconds: float) -> None:
        """Time between two tokens of a request."""
        self._itl.observe(seconds)

    def refused(self, reason: str) -> None:
        """A request that was not admitted: overloaded or deadline."""
        self._families.rejections.labels(self._model, reason).inc()

    def ended(self, timings: Timings, reasons: tuple[FinishReason, ...] = ()) -> None:
        """A request that was answered; reasons, one a sequence, when it generated."""
        families, model = self._families, self._model
        queue, prefill, decode = timings.queue_ms / 1e3, timings.prefill_ms / 1e3, timings.decode_ms / 1e3
        families.queue.labels(model).observe(queue)
        families.prefill.labels(model).observe(prefill)
        families.e2e.labels(model).observe(queue + prefill + decode)
        if reasons:
            families.ttft.labels(model).observe(queue + prefill)
            families.decode.labels(model).observe(decode)
        for reason in reasons:
            families.success.labels(model, reason.value).inc()
