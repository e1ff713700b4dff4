"""Greedy answers of the model, for measuring it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerFast, T5ForConditionalGeneration

BATCH = 32


@torch.no_grad()
def generate(
    model: T5ForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    sources: Sequence[str],
    limit: int = 96,
) -> list[str]:
    """The greedy answers to `sources`, in their order and without special tokens."""
    order = sorted(range(len(sources)), key=lambda place: len(sources[place]))
    said = [""] * len(sources)
    for first in range(0, len(order), BATCH):
        places = order[first : first + BATCH]
        batch = tokenizer([sources[place] for place in places], padding=True, return_tensors="pt")
        output = model.generate(**batch, max_new_tokens=limit, do_sample=False)
        for place, text in zip(places, tokenizer.batch_decode(output, skip_special_tokens=True), strict=True):
            said[place] = text
    return said
