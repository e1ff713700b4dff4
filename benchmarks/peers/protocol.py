"""What a peer is asked and answers, in the standard library alone: each runs in an environment of its own.

`python -m benchmarks.peers.NAME --model FOLDER --dtype bfloat16 --prepare` converts the model where the peer needs that
(in a process of its own, so that the memory it takes is not the engine's). Without --prepare the workload is run, and
each line of standard output that begins with MARK is a JSON object: first the versions, then one a number of streams.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

MARK = "measured: "
PROMPT, ANSWER = 128, 128  # tokens
STREAMS = (1, 8, 32)
PART = 512  # tokens of prompts in a step; on a CPU larger parts delay first tokens and hasten nothing
PARTS = {"cpu": PART, "cuda": 8192}
REPEATS = 3
WARM = 8  # tokens of each answer before anything is counted
PREFIX = 512  # tokens that prompts share where the prefix cache is measured
FIRST, VOCABULARY = 258, 49152  # ids that prompts are drawn from: control tokens and bytes are left out


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its token ids, and seconds from the batch's begin to its first token (None: it isn't streamed)."""

    tokens: Sequence[int]
    first_s: float | None


# Answers every prompt with exactly so many greedy tokens, all of them at once.
Batch = Callable[[list[list[int]], int], list[Answer]]


def prompts(streams: int, round_: int, length: int = PROMPT) -> list[list[int]]:
    """Prompts of random ids; no two of them begin alike, in no round."""
    source = random.Random(f"{streams} {round_} {length}")
    return [source.choices(range(FIRST, VOCABULARY), k=length) for _ in range(streams)]


def measure(batch: Batch, streams: int, *, repeats: int = REPEATS, tokens: int = ANSWER) -> dict[str, Any]:
    """Warm up, then the median of `repeats` rounds. RuntimeError where an answer is not as long as was asked."""
    batch(prompts(streams, -1), min(WARM, tokens))
    rates, firsts, answers = [], [], []
    for round_ in range(repeats):
        asked = prompts(streams, round_)
        begun = time.perf_counter()
        answers = batch(asked, tokens)
        rates.append(streams * tokens / (time.perf_counter() - begun))
        if [len(answer.tokens) for answer in answers] != [tokens] * streams:
            raise RuntimeError(f"not all of {streams} answers have {tokens} tokens")
        firsts += [answer.first_s for answer in answers if answer.first_s is not None]
    return {
        "streams": streams,
        "tokens_per_s": round(statistics.median(rates), 1),
        "ttft_ms": round(statistics.median(firsts) * 1e3, 1) if firsts else None,
        "first_tokens": [int(answer.tokens[0]) for answer in answers],
    }


def peak_mb(pid: int | None = None) -> int:
    """The most memory (resident, MB) that a process held, its children's added."""
    process = pid or os.getpid()
    status = Path(f"/proc/{process}/status").read_text()
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    children = [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return own // 1000 + sum(map(peak_mb, children))


def say(**facts: Any) -> None:
    """One line of the answer."""
    print(MARK + json.dumps(facts), flush=True)


def options() -> argparse.Namespace:
    """What a peer is asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True, help="folder: safetensors, config and tokenizer")
    parser.add_argument("--dtype", choices=("bfloat16", "int8"), default="bfloat16")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--prepare", action="store_true", help="convert the model, and no more")
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--tokens", type=int, default=ANSWER)
    return parser.parse_args()


def main(
    packages: Sequence[str],
    build: Callable[[argparse.Namespace], Batch],
    prepare: Callable[[Path, str], None] = lambda model, dtype: None,
) -> None:
    """Be a peer: `build` is given what was asked, `prepare` the model's folder and the number type."""
    asked = options()
    if asked.prepare:
        prepare(asked.model, asked.dtype)
        return
    say(versions=" ".join(f"{name} {version(name)}" for name in packages))
    batch = build(asked)
    for streams in asked.streams:
        found = measure(batch, streams, repeats=asked.repeats, tokens=asked.tokens)
        say(**found, peak_mb=peak_mb())
    sys.stdout.flush()
    # Engines have threads and processes that would wait for each other; who started this ends them.
    os._exit(0)
