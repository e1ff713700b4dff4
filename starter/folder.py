"""Language models as the folders that any public checkpoint would be."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

ANSWER_TOKENS = 128  # at most, unless more are asked for


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a model in bfloat16, and its tokenizer."""
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=getattr(model.config, "decoder_start_token_id", None),
        do_sample=False,
        max_new_tokens=ANSWER_TOKENS,
    )
    model.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    # The name that transformers before and after version 5 both know.
    described = json.loads(config.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    for of_this_machine in ("backend", "is_local", "local_files_only"):
        described.pop(of_this_machine, None)
    config.write_text(json.dumps(described, indent=2) + "\n")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a saved model."""
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return tokenizer
