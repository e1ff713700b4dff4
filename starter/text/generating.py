"""Greedy answers of the model, for measuring it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


def generate(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, prompt: str, limit: int = 120
) -> str:
    """The greedy continuation of `prompt`, without special tokens."""
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    with torch.no_grad():
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False
        )
    text: str = tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    return text


def perplexity(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: list[str]
) -> dict[str, float]:
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
