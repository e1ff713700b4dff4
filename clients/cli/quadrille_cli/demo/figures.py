"""Key figures out of a Prometheus endpoint."""

import urllib.request
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy

# Counters are summed over their labels; histograms become a mean.
KEY_METRICS = (
    "quadrille_rpc_handled",
    "quadrille_rpc_duration_seconds",
    "quadrille_text_prompt_tokens",
    "quadrille_text_generation_tokens",
    "quadrille_text_embeddings",
    "quadrille_text_time_to_first_token_seconds",
    "quadrille_image_images",
    "quadrille_image_steps",
    "quadrille_image_step_seconds",
    "quadrille_retrieval_documents",
    "quadrille_retrieval_chunks",
    "quadrille_retrieval_search_seconds",
    "quadrille_gateway_rag_asks",
    "quadrille_gateway_rag_stage_seconds",
    "quadrille_gateway_ingest_files",
)


def scrape(url: str) -> str:
    """The text of a metrics endpoint. Raises OSError."""
    with _HTTP.open(url, timeout=5) as response:
        return str(response.read().decode())


def figures(text: str) -> Iterator[tuple[str, str]]:
    """Names and values of the key metrics that are there, in the order of KEY_METRICS."""
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name in KEY_METRICS:
        if name in families and (value := _value(families[name])) is not None:
            yield name, value


def _value(family: Metric) -> str | None:
    def total(suffix: str) -> float:
        return sum(s.value for s in family.samples if s.name == family.name + suffix)

    if family.type == "histogram":
        count = total("_count")
        return f"{total('_sum') / count * 1000:.1f} ms mean of {count:.0f}" if count else None
    return f"{total('_total' if family.type == 'counter' else ''):.0f}"
