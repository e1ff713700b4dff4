"""Run one benchmark, mostly against a stack of its own: python -m benchmarks NAME [--out FILE] [its options]."""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from quadrille_cli.stack import Ports, local_stack
from rich.console import Console

from benchmarks import decoder, gateway
from benchmarks.crashes import measure as crashes
from benchmarks.image import measure as image
from benchmarks.load import measure as load
from benchmarks.quality import measure as quality
from benchmarks.relevance import measure as relevance
from benchmarks.report import Report
from benchmarks.retrieval import measure as retrieval
from benchmarks.text import gpu as text_gpu
from benchmarks.text import measure as text

BENCHMARKS: dict[str, Callable[[Ports], Coroutine[Any, Any, Report]]] = {
    "gateway": gateway.measure,
}
ALONE: dict[str, Callable[[], Report]] = {
    "text": text.measure,
    "text-load": load.measure,
    "decoder": decoder.measure,
    "quality": quality.measure,
}
OPTIONED: dict[str, Callable[[Sequence[str]], Report]] = {
    "image": image.measure,
    "crashes": crashes.measure,
    "text-gpu": text_gpu.measure,
    "relevance": relevance.measure,
    "retrieval": retrieval.measure,
}


def main() -> None:
    """Start the stack on free ports, where one is needed; measure, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, *ALONE, *OPTIONED])
    parser.add_argument("--out", type=Path)
    arguments, options = parser.parse_known_args()
    if arguments.name in OPTIONED:
        OPTIONED[arguments.name](options).write(arguments.out)
        return
    if options:
        parser.error(f"{arguments.name} has no options {' '.join(options)}")
    if arguments.name in ALONE:
        ALONE[arguments.name]().write(arguments.out)
        return
    ports = Ports.free()
    status = Console(stderr=True).status(f"measuring {arguments.name}")
    with tempfile.TemporaryDirectory() as scratch, status, local_stack(Path(scratch), ports=ports):
        report = asyncio.run(BENCHMARKS[arguments.name](ports))
    report.write(arguments.out)


if __name__ == "__main__":
    main()
