"""Greedy answers of a language model, for measuring it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from rich.progress import track
from transformers import PreTrainedModel, PreTrainedTokenizerFast

BATCH = 16


@torch.no_grad()
def generate(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str], limit: int = 96
) -> list[str]:
    """The greedy answers to `prompts`, in their order and without special tokens.

    A decoder continues its prompt, which is left out; an encoder-decoder begins anew.
    """
    continues = not model.config.is_encoder_decoder
    ids = [tokenizer(prompt).input_ids for prompt in prompts]
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    said = [""] * len(ids)
    for first in track(range(0, len(order), BATCH), "answering"):
        places = order[first : first + BATCH]
        batch = tokenizer.pad(
            {"input_ids": [ids[place] for place in places]},
            padding_side="left" if continues else "right",
            return_tensors="pt",
        )
        output = model.generate(**batch, max_new_tokens=limit, do_sample=False)
        answers = output[:, batch.input_ids.shape[1] :] if continues else output
        for place, text in zip(
            places, tokenizer.batch_decode(answers, skip_special_tokens=True), strict=True
        ):
            said[place] = text
    return said
