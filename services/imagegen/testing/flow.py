"""Pipelines of flow matching."""

from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from transformers import CLIPTextModelWithProjection, T5Config, T5EncoderModel, T5TokenizerFast

from imagegen.testing.parts import CELL, SIDE, tiny_text_config, tiny_tokenizer, tiny_vae


def save_tiny_sd3(path: Path, *, t5: bool = False, **scheduler: Any) -> Path:
    """Write a StableDiffusion3Pipeline directory, with a third text encoder or without."""
    torch.manual_seed(2)
    tokenizer = tiny_tokenizer()
    transformer = SD3Transformer2DModel(
        sample_size=SIDE // CELL,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=16,
        pooled_projection_dim=32,
        pos_embed_max_size=SIDE // CELL,
    )
    with torch.no_grad():
        # Untrained, the prompt is hardly heard and the output hardly moves.
        for name, parameter in transformer.named_parameters():
            if "context_embedder" in name or "text_embedder" in name:
                parameter.mul_(5)
            elif name.startswith("proj_out"):
                parameter.mul_(2)
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(**{"shift": 3.0, **scheduler}),
        vae=tiny_vae(shift_factor=0.25),
        text_encoder=CLIPTextModelWithProjection(tiny_text_config(tokenizer)),
        tokenizer=tokenizer,
        text_encoder_2=CLIPTextModelWithProjection(tiny_text_config(tokenizer)),
        tokenizer_2=tokenizer,
        text_encoder_3=_t5_encoder() if t5 else None,
        tokenizer_3=_t5_tokenizer() if t5 else None,
    )
    pipeline.save_pretrained(path, safe_serialization=True)
    return path


def _t5_encoder() -> Any:
    return T5EncoderModel(
        T5Config(vocab_size=100, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2, dropout_rate=0.0)
    )


def _t5_tokenizer() -> Any:
    letters = [chr(code) for code in range(97, 123)]
    pieces = ["<pad>", "</s>", "<unk>", "▁", *letters]
    return T5TokenizerFast(vocab=[(piece, -1.0) for piece in pieces], extra_ids=0)
