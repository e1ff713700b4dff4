"""The untrained language model, in several sizes of one recipe, dense or of experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    PreTrainedTokenizerFast,
)

from .tokenizer import CONTEXT_LENGTH

EXPERTS_PER_TOKEN = 2
Decoder: TypeAlias = LlamaForCausalLM | MixtralForCausalLM


@dataclass(frozen=True)
class Size:
    """Shape of a decoder, at least 5 layers of 3 heads; `feed_forward` is the width of each expert if there are any."""

    layers: int
    width: int
    heads: int
    feed_forward: int
    experts: int = 0


SIZES = {
    "nano": Size(5, 48, 3, 128),
    "micro": Size(5, 80, 5, 216),
    "tiny": Size(5, 128, 4, 352),
    "default": Size(7, 320, 5, 896),
    # A token passes as many parameters of the lean size as of the mixture, but for the routers.
    "mixture": Size(6, 256, 4, 112, experts=8),
    "lean": Size(6, 256, 4, 112 * EXPERTS_PER_TOKEN),
}


def build(tokenizer: PreTrainedTokenizerFast, size: str = "default") -> Decoder:
    """A Llama, or a Mixtral where the size has experts, of random weights, float32."""
    shape = SIZES[size]
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": CONTEXT_LENGTH,
        "tie_word_embeddings": True,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if not shape.experts:
        return LlamaForCausalLM(LlamaConfig(**common))
    config = MixtralConfig(
        **common,
        num_local_experts=shape.experts,
        num_experts_per_tok=EXPERTS_PER_TOKEN,
        rope_theta=10000.0,  # as the Llama has it, and so the next
        rms_norm_eps=1e-6,
    )
    return MixtralForCausalLM(config)


@dataclass(frozen=True)
class Parameters:
    """How many there are; the tied embeddings count once, as the output layer does use them for every token."""

    all: int
    without_embeddings: int
    active: int  # what one token passes: all but the experts that it is not sent to


def count(model: Decoder) -> Parameters:
    """Parameters of a decoder."""
    total = sum(parameter.numel() for parameter in model.parameters())
    stacks = [parameter for parameter in model.parameters() if parameter.ndim == 3]
    idle = sum(stack.numel() * (len(stack) - EXPERTS_PER_TOKEN) // len(stack) for stack in stacks)
    return Parameters(total, total - model.get_input_embeddings().weight.numel(), total - idle)
