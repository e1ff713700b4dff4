"""The batches that training sees, and the text that the vocabulary is learned from."""

from __future__ import annotations

import random
from collections.abc import Iterator

from transformers import PreTrainedTokenizerFast

from . import data
from .encoding import Encoded, encode

TASK_SHARES = {"summary": 0.3, "translation": 0.7}  # of the examples
POOL = 8  # batches drawn together and sorted by length, so that little is padded


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
    for pool in range(start // POOL, (stop + POOL - 1) // POOL):
        rng = random.Random(f"seq2seq {seed} {pool}")
        drawn: list[Encoded] = []
        while sum(map(_size, drawn)) < POOL * batch_tokens:
            tasks = rng.choices(tuple(TASK_SHARES), tuple(TASK_SHARES.values()), k=64)
            drawn += encode([data.sample(rng, task) for task in tasks], tokenizer)
        drawn.sort(key=lambda encoded: (len(encoded.source), len(encoded.target)))
        share = sum(map(_size, drawn)) / POOL
        ready: list[list[Encoded]] = [[]]
        filled = 0
        for encoded in drawn:
            if filled >= share * len(ready):
                ready.append([])
            ready[-1].append(encoded)
            filled += _size(encoded)
        rng.shuffle(ready)
        for index in range(POOL):
            if start <= pool * POOL + index < stop:
                yield ready[index % len(ready)]


def _size(encoded: Encoded) -> int:
    return len(encoded.source) + len(encoded.target)
