"""The untrained language model."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .tokenizer import CONTEXT_LENGTH


def build(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A four-layer Llama of about a million parameters, float32."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the folder that any Llama checkpoint would be."""
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
        max_new_tokens=128,
    )
    model.to(torch.float32).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    # The name that transformers before and after version 5 both know.
    described = json.loads(config.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    for of_this_machine in ("backend", "is_local", "local_files_only"):
        described.pop(of_this_machine, None)
    config.write_text(json.dumps(described, indent=2) + "\n")
