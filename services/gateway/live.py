"""A look at the whole stack: who serves, what waits here, and the figures that the services' metrics tell now.

Figures are sums over all servers and labels. Counters only grow: rates come from two looks.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.parser import text_string_to_metric_families

from gateway.queues import Queues

# What is told, by the sample that it is the sum of.
FIGURES: Mapping[str, str] = {
    "quadrille_text_requests_running": "text_running",
    "quadrille_text_requests_waiting": "text_waiting",
    "quadrille_text_prompt_tokens_total": "prompt_tokens",
    "quadrille_text_generation_tokens_total": "generated_tokens",
    "quadrille_text_embeddings_total": "embeddings",
    "quadrille_text_time_to_first_token_seconds_sum": "first_token_seconds",
    "quadrille_text_time_to_first_token_seconds_count": "first_tokens",
    "quadrille_text_energy_joules_total": "text_joules",
    "quadrille_image_requests_running": "image_running",
    "quadrille_image_requests_waiting": "image_waiting",
    "quadrille_image_steps_total": "image_steps",
    "quadrille_image_request_success_total": "images_done",
    "quadrille_image_energy_joules_total": "image_joules",
    "quadrille_retrieval_documents": "documents",
    "quadrille_retrieval_chunks": "chunks",
    "quadrille_retrieval_search_seconds_sum": "search_seconds",
    "quadrille_retrieval_search_seconds_count": "searches",
}


class Exposition(Protocol):
    """A port: one server's metrics."""

    async def read(self) -> str | None:
        """In Prometheus' text format; None when they cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen: seconds of a clock that only goes on, backends by name, queues, figures that somebody told."""

    at_s: float
    serving: Mapping[str, bool]
    queues: Queues
    figures: Mapping[str, float]


class LiveView:
    """Looks at the stack when somebody asks, at most every `fresh_s` seconds whoever asks."""

    def __init__(
        self,
        sources: Sequence[Exposition],
        serving: Callable[[], Mapping[str, bool]],
        queues: Callable[[], Queues],
        *,
        fresh_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._serving = serving
        self._queues = queues
        self._fresh_s = fresh_s
        self._clock = clock
        self._last: Look | None = None
        self._lock = asyncio.Lock()

    async def look(self) -> Look:
        """The stack now, or as it was a moment ago."""
        async with self._lock:
            if self._last is None or self._clock() - self._last.at_s >= self._fresh_s:
                texts = await asyncio.gather(*(source.read() for source in self._sources))
                told = [text for text in texts if text is not None]
                self._last = Look(self._clock(), dict(self._serving()), self._queues(), figures(told))
            return self._last


def figures(expositions: Sequence[str]) -> dict[str, float]:
    """The figures of FIGURES that these texts hold; texts that are none are left out."""
    totals: dict[str, float] = {}
    for text in expositions:
        try:
            samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
        except ValueError:
            continue
        for sample in samples:
            if (name := FIGURES.get(sample.name)) is not None:
                totals[name] = totals.get(name, 0.0) + sample.value
    return totals
