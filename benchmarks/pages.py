"""Draws the results and writes their figures into the pages that speak of them: python -m benchmarks.pages."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.crashes import table as crashes
from benchmarks.gateway import table as gateway
from benchmarks.image import picture as image_picture
from benchmarks.image import table as image
from benchmarks.load import table as load
from benchmarks.markdown import Result, inserted
from benchmarks.quality import table as quality
from benchmarks.rag import table as rag
from benchmarks.relevance import table as relevance
from benchmarks.retrieval import table as retrieval
from benchmarks.text import gpu_table as text_gpu
from benchmarks.text import picture as text_picture
from benchmarks.text import table as text
from benchmarks.text.engines import ROOT
from benchmarks.words import table as words

RESULTS = ROOT / "benchmarks/results"


@dataclass(frozen=True, slots=True)
class Place:
    """A result's page, what the page says of it, and its picture."""

    page: str
    markdown: Callable[[Result], str]
    draw: Callable[[Result, Path], None] | None = None


PLACES = {
    "text": Place("docs/performance.md", text.markdown, text_picture.draw),
    "text-load": Place("docs/performance.md", load.markdown),
    "text-gpu": Place("docs/performance.md", text_gpu.markdown),
    "quality": Place("docs/performance.md", quality.markdown),
    "relevance": Place("docs/performance.md", relevance.markdown),
    "rag": Place("docs/answering.md", rag.markdown),
    "retrieval": Place("docs/searching.md", retrieval.markdown),
    "retrieval-1m": Place("docs/searching.md", retrieval.markdown),
    "words": Place("docs/searching.md", words.markdown),
    "crashes": Place("docs/durability.md", crashes.markdown),
    "gateway": Place("docs/overhead.md", gateway.markdown),
    "image": Place("docs/step-level-batching.md", image.markdown, image_picture.draw),
}


def main() -> None:
    """From results/NAME.json; one that is missing is left alone."""
    for name, place in PLACES.items():
        path, page = RESULTS / f"{name}.json", ROOT / place.page
        if path.exists():
            result = json.loads(path.read_text())
            if place.draw is not None:
                place.draw(result, path.with_suffix(".svg"))
            page.write_text(inserted(page.read_text(), name, place.markdown(result)))


if __name__ == "__main__":
    main()
