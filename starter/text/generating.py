"""Greedy answers of the model, for measuring it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from rich.progress import track
from transformers import PreTrainedTokenizerFast

from .model import Decoder

BATCH = 16


def generate(
    model: Decoder, tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str], limit: int = 96
) -> list[str]:
    """The greedy continuations of `prompts`, in their order and without special tokens."""
    ids = [tokenizer(prompt).input_ids for prompt in prompts]
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    said = [""] * len(ids)
    for first in track(range(0, len(order), BATCH), "answering"):
        places = order[first : first + BATCH]
        batch = tokenizer.pad(
            {"input_ids": [ids[place] for place in places]}, padding_side="left", return_tensors="pt"
        )
        with torch.no_grad():
            output = model.generate(**batch, max_new_tokens=limit, do_sample=False)
        texts = tokenizer.batch_decode(output[:, batch.input_ids.shape[1] :], skip_special_tokens=True)
        for place, text in zip(places, texts, strict=True):
            said[place] = text
    return said


def perplexity(model: Decoder, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> dict[str, float]:
    """Perplexity per token, and bits per byte, which do not depend on the vocabulary."""
    nats, tokens, size = 0.0, 0, 0
    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(ids).logits
        nats += float(F.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="sum"))
        tokens += ids.shape[1] - 1
        size += len(text.encode())
    return {
        "perplexity": round(math.exp(nats / tokens), 2),
        "bits_per_byte": round(nats / math.log(2) / size, 3),
    }
