"""Draws a result and writes its figures into the page: python -m benchmarks.text."""

import json

from benchmarks.text.engines import ROOT
from benchmarks.text.picture import draw
from benchmarks.text.table import inserted, markdown

RESULTS, PAGE = ROOT / "benchmarks/results", ROOT / "docs/performance.md"


def main() -> None:
    """From results/text.json."""
    result = json.loads((RESULTS / "text.json").read_text())
    draw(result, RESULTS / "text.svg")
    PAGE.write_text(inserted(PAGE.read_text(), markdown(result)))


if __name__ == "__main__":
    main()
