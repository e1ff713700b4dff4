"""How well the model predicts text."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from transformers import PreTrainedTokenizerFast

from .model import Decoder


@torch.no_grad()
def perplexity(model: Decoder, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> dict[str, float]:
    """Perplexity per token, and bits per byte, which do not depend on the vocabulary."""
    nats, tokens, size = 0.0, 0, 0
    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids
        logits = model(ids).logits
        nats += float(F.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="sum"))
        tokens += ids.shape[1] - 1
        size += len(text.encode())
    return {
        "perplexity": round(math.exp(nats / tokens), 2),
        "bits_per_byte": round(nats / math.log(2) / size, 3),
    }
