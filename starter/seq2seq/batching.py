"""The batches that training sees, and the text that the vocabulary is learned from."""

from __future__ import annotations

import random
from collections.abc import Iterator

from transformers import PreTrainedTokenizerFast

from starter import pooling

from . import data
from .encoding import Encoded, encode

TASK_SHARES = {"summary": 0.3, "translation": 0.7}  # of the examples


def corpus(seed: int) -> Iterator[str]:
    """The text from which the vocabulary is learned."""
    rng = random.Random(f"vocabulary {seed}")
    for _ in range(3000):
        for task in data.TASKS:
            example = data.sample(rng, task)
            yield example.source
            yield example.target


def batches(
    tokenizer: PreTrainedTokenizerFast, seed: int, start: int, stop: int, batch_tokens: int
) -> Iterator[list[Encoded]]:
    """One batch a step, the same for a step wherever training resumes."""

    def draw(rng: random.Random, step: int) -> Iterator[list[Encoded]]:
        while True:
            tasks = rng.choices(tuple(TASK_SHARES), tuple(TASK_SHARES.values()), k=64)
            yield encode([data.sample(rng, task) for task in tasks], tokenizer)

    return pooling.batches(
        f"seq2seq {seed}",
        start,
        stop,
        batch_tokens,
        draw,
        lambda encoded: (len(encoded.source), len(encoded.target)),
    )
