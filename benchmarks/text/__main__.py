"""Draws the results and writes their figures into the page: python -m benchmarks.text."""

import json
from typing import Any

from benchmarks.load import table as load
from benchmarks.quality import table as quality
from benchmarks.text import table as text
from benchmarks.text.engines import ROOT
from benchmarks.text.picture import draw

RESULTS, PAGE = ROOT / "benchmarks/results", ROOT / "docs/performance.md"


def main() -> None:
    """From results/text.json, text-load.json and quality.json; one that is missing is left alone."""
    page = PAGE.read_text()
    if (result := _result("text")) is not None:
        draw(result, RESULTS / "text.svg")
        page = text.inserted(page, "text", text.markdown(result))
    if (result := _result("text-load")) is not None:
        page = text.inserted(page, "text-load", load.markdown(result))
    if (result := _result("quality")) is not None:
        page = text.inserted(page, "quality", quality.markdown(result))
    PAGE.write_text(page)


def _result(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


if __name__ == "__main__":
    main()
