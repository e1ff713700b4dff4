"""The untrained encoder-decoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from .tokenizer import CONTEXT_LENGTH


@dataclass(frozen=True)
class Size:
    """Shape of both stacks; heads are 32 wide."""

    encoder_layers: int
    decoder_layers: int
    width: int
    heads: int
    feed_forward: int


LOOK_BACK = 5.0  # logits

SHAPE = Size(3, 3, 256, 6, 512)


def build(tokenizer: PreTrainedTokenizerFast, shape: Size = SHAPE) -> T5ForConditionalGeneration:
    """A T5 of random weights, float32."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=shape.width,
        d_kv=32,
        d_ff=shape.feed_forward,
        num_layers=shape.encoder_layers,
        num_decoder_layers=shape.decoder_layers,
        num_heads=shape.heads,
        relative_attention_num_buckets=32,
        relative_attention_max_distance=128,
        dropout_rate=0.0,
        feed_forward_proj="relu",
        n_positions=CONTEXT_LENGTH,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    model = T5ForConditionalGeneration(config)
    _look_back(model)
    return model


@torch.no_grad()
def _look_back(model: T5ForConditionalGeneration) -> None:
    """Let heads begin by attending one, two and three tokens back.

    Copying needs to know what came before a token, here and there (induction heads: Olsson et al., 2022,
    arXiv:2209.11895). Without a beginning such heads are found late; training may undo it.
    """
    for stack in (model.encoder, model.decoder):
        bias = stack.block[0].layer[0].SelfAttention.relative_attention_bias.weight  # (buckets, heads)
        for head in range(min(3, bias.shape[1] - 1)):
            bias[head + 1, head] = LOOK_BACK  # near distances have buckets of their own
