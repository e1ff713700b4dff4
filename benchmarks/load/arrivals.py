"""Requests of a real trace, made shorter and sent at a rate of one's own. Pure."""

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.peers.protocol import FIRST, VOCABULARY

TRACE = Path(__file__).resolve().parents[1] / "data/azure_conv_excerpt.csv"
SHORTER = 4  # prompts and answers are a quarter of the trace's: a small model on a few cores is asked


@dataclass(frozen=True, slots=True)
class Traced:
    """A request as it was seen: seconds after the first, tokens of its prompt and of its answer."""

    due_s: float
    prompt_tokens: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request to be sent: seconds after the first at which it is due, its prompt, and the tokens to answer with."""

    due_s: float
    prompt: tuple[int, ...]
    tokens: int


def read(lines: Iterable[str], shorter: int = SHORTER) -> list[Traced]:
    """The trace's requests, shortened; an answer has two tokens at least, so that there is a time between them."""
    rows = list(csv.DictReader(lines))
    times = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in rows]  # of 7 decimals 6 can be read
    return [
        Traced(
            (time - times[0]).total_seconds(),
            max(1, int(row["ContextTokens"]) // shorter),
            max(2, int(row["GeneratedTokens"]) // shorter),
        )
        for row, time in zip(rows, times, strict=True)
    ]


def at_rate(traced: Sequence[Traced], rate: float, seed: int) -> list[Arrival]:
    """The same requests, bursts and all, at `rate` requests a second on average; another seed gives other prompts."""
    own = (len(traced) - 1) / traced[-1].due_s
    source, ids = random.Random(seed), range(FIRST, VOCABULARY)
    return [
        Arrival(item.due_s * own / rate, tuple(source.choices(ids, k=item.prompt_tokens)), item.tokens)
        for item in traced
    ]
