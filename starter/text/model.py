"""The untrained language model, in several sizes of one recipe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .tokenizer import CONTEXT_LENGTH


@dataclass(frozen=True)
class Size:
    """Shape of a decoder; heads are 32 or 64 wide."""

    layers: int
    width: int
    heads: int
    feed_forward: int


SIZES = {
    "tiny": Size(5, 128, 4, 352),
    "small": Size(6, 256, 4, 704),
    "default": Size(7, 320, 5, 896),
    "large": Size(8, 512, 8, 1408),
}


def build(tokenizer: PreTrainedTokenizerFast, size: str = "default") -> LlamaForCausalLM:
    """A Llama of random weights, float32."""
    shape = SIZES[size]
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
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
    model.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    # The name that transformers before and after version 5 both know.
    described = json.loads(config.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    for of_this_machine in ("backend", "is_local", "local_files_only"):
        described.pop(of_this_machine, None)
    config.write_text(json.dumps(described, indent=2) + "\n")
