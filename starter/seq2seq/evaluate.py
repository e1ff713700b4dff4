"""Measures the encoder-decoder on what training never saw: `python -m starter.seq2seq.evaluate`."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

from transformers import T5ForConditionalGeneration

from starter.folder import load_tokenizer
from starter.generating import generate

from . import data
from .example import KINDS

MODEL = Path(__file__).parent / "model"


def evaluate(folder: Path = MODEL, *, count: int = 200) -> dict[str, Any]:
    """All figures of the model card; `count` examples of each task and kind of hold-out."""
    tokenizer = load_tokenizer(folder)
    model = T5ForConditionalGeneration.from_pretrained(folder, dtype="float32").eval()
    figures: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters())}
    for task in data.TASKS:
        shares = {}
        for kind in KINDS:
            rng = random.Random(f"evaluation {task} {kind}")
            examples = [data.sample_held_out(rng, task, kind) for _ in range(count)]
            said = generate(model, tokenizer, [example.source for example in examples])
            right = sum(e.target == answer for e, answer in zip(examples, said, strict=True))
            shares[kind] = round(right / count, 4)
        figures[task] = {
            "examples": count * len(KINDS),
            "exact_match": round(sum(shares.values()) / len(shares), 4),
            "held_out": shares,
        }
    return figures


def main() -> None:
    """Print the figures of the shipped model, or of the one given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--count", type=int, default=200, help="examples of each task and kind of hold-out")
    options = parser.parse_args()
    print(json.dumps(evaluate(options.model, count=options.count), indent=2))


if __name__ == "__main__":
    main()
