"""Run one benchmark: python -m benchmarks NAME [--out FILE] [its options]."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import decoder
from benchmarks.crashes import measure as crashes
from benchmarks.gateway import measure as gateway
from benchmarks.image import measure as image
from benchmarks.load import measure as load
from benchmarks.quality import measure as quality
from benchmarks.rag import measure as rag
from benchmarks.relevance import measure as relevance
from benchmarks.report import Report
from benchmarks.retrieval import measure as retrieval
from benchmarks.text import gpu as text_gpu
from benchmarks.text import measure as text
from benchmarks.words import measure as words

ALONE: dict[str, Callable[[], Report]] = {
    "text": text.measure,
    "text-load": load.measure,
    "decoder": decoder.measure,
    "quality": quality.measure,
}
OPTIONED: dict[str, Callable[[Sequence[str]], Report]] = {
    "gateway": gateway.measure,
    "image": image.measure,
    "crashes": crashes.measure,
    "text-gpu": text_gpu.measure,
    "rag": rag.measure,
    "relevance": relevance.measure,
    "retrieval": retrieval.measure,
    "words": words.measure,
}


def main() -> None:
    """Measure, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[*ALONE, *OPTIONED])
    parser.add_argument("--out", type=Path)
    arguments, options = parser.parse_known_args()
    if arguments.name in OPTIONED:
        OPTIONED[arguments.name](options).write(arguments.out)
        return
    if options:
        parser.error(f"{arguments.name} has no options {' '.join(options)}")
    ALONE[arguments.name]().write(arguments.out)


if __name__ == "__main__":
    main()
