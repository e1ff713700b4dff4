"""Pipelines of flow matching."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from transformers import CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel, T5TokenizerFast

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


def save_tiny_flux(path: Path, *, distilled: bool = True, **scheduler: Any) -> Path:
    """Write a FluxPipeline directory, with a transformer that hears the guidance scale or without."""
    torch.manual_seed(1)
    vae, tokenizer = (
        tiny_vae(shift_factor=0.25, use_quant_conv=False, use_post_quant_conv=False),
        tiny_tokenizer(),
    )
    transformer = FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=16,
        guidance_embeds=distilled,
        axes_dims_rope=(4, 6, 6),
    )
    with torch.no_grad():
        # Untrained, neither the prompt nor the guidance scale is heard much.
        for name, parameter in transformer.named_parameters():
            if "context_embedder" in name or "text_embedder" in name or "guidance_embedder" in name:
                parameter.mul_(5)
            elif name.startswith("proj_out"):
                parameter.mul_(2)
    dynamic = {"use_dynamic_shifting": True, "base_image_seq_len": 4, "max_image_seq_len": 64}
    pipeline = FluxPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(**{**dynamic, **scheduler}),
        vae=vae,
        text_encoder=CLIPTextModel(tiny_text_config(tokenizer)),
        tokenizer=tokenizer,
        text_encoder_2=_t5_encoder(),
        tokenizer_2=_t5_tokenizer(),
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
