"""What an index of words is asked and answers: each runs in an environment of its own, which has numpy.

`python -m benchmarks.peers.NAME --data FOLDER` reads texts.json and questions.json, lists of strings; each line of
standard output that begins with MARK is a JSON object. What was found is left in FOLDER/NAME.json: the places of the
texts, best first, of each question that there was time for.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.peers.protocol import say

K, BLOCK, SECONDS = 10, 1000, 60.0


class Words(Protocol):
    """An index that is filled once. A question finds the texts that have any of its words, the best by BM25."""

    def add(self, start: int, texts: Sequence[str]) -> None:
        """Add texts under the numbers from `start` on."""

    def finish(self) -> None:
        """Have all that was added indexed."""

    def search(self, question: str) -> Sequence[int]:
        """The numbers of the K best."""


def main(versions: str, make: Callable[[Path], Words]) -> None:
    """Be a peer: `make` is given an empty folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="folder: texts.json, questions.json")
    data = parser.parse_args().data
    say(versions=versions)
    texts, questions = (json.loads((data / f"{name}.json").read_text()) for name in ("texts", "questions"))
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        index = make(Path(folder))
        for start in range(0, len(texts), BLOCK):
            index.add(start, texts[start : start + BLOCK])
        index.finish()
        say(operation="ingest", texts_per_s=round(len(texts) / (time.perf_counter() - begun), 1))
        found, taken = [], []
        begun = time.perf_counter()
        for question in questions:
            before = time.perf_counter()
            found.append([int(number) for number in index.search(question)])
            taken.append(time.perf_counter() - before)
            if time.perf_counter() - begun > SECONDS:
                break
    say(
        operation="lexical",
        clients=1,
        queries_per_s=round(len(taken) / sum(taken), 1),
        p50_ms=round(statistics.median(taken) * 1e3, 3),
        p99_ms=round(statistics.quantiles(taken, n=100)[98] * 1e3, 3),
    )
    (data / f"{Path(sys.argv[0]).stem}.json").write_text(json.dumps(found))
