"""Pipelines of later Stable Diffusions."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from imagegen.testing.parts import tiny_scheduler, tiny_text_config, tiny_tokenizer, tiny_unet, tiny_vae

_SEEING = 4 + 1 + 4  # channels of a noisy latent, a mask and a latent


def save_tiny_sd2(path: Path, **scheduler: Any) -> Path:
    """Write a StableDiffusionPipeline directory as its second version has it."""
    torch.manual_seed(1)
    vae, tokenizer = tiny_vae(), tiny_tokenizer()
    config = {
        "prediction_type": "v_prediction",
        "timestep_spacing": "trailing",
        "rescale_betas_zero_snr": True,
    }
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(tiny_text_config(tokenizer, hidden_act="gelu")),
        tokenizer=tokenizer,
        unet=tiny_unet(attention_head_dim=(2, 4), use_linear_projection=True),
        scheduler=tiny_scheduler(**(config | scheduler)),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(path, safe_serialization=True)
    return path


def save_tiny_inpainting(path: Path) -> Path:
    """Write a StableDiffusionInpaintPipeline directory with a U-Net that sees the image."""
    torch.manual_seed(1)
    vae, tokenizer = tiny_vae(), tiny_tokenizer()
    pipeline = StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(tiny_text_config(tokenizer)),
        tokenizer=tokenizer,
        unet=tiny_unet(in_channels=_SEEING),
        scheduler=tiny_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(path, safe_serialization=True)
    return path


def save_tiny_sdxl(path: Path, *, zeros_for_empty: bool = True, inpaint: bool = False) -> Path:
    """Write a StableDiffusionXLPipeline directory, or a StableDiffusionXLInpaintPipeline's."""
    torch.manual_seed(1)
    vae, tokenizer = tiny_vae(), tiny_tokenizer()
    unet = tiny_unet(
        in_channels=_SEEING if inpaint else 4,
        cross_attention_dim=32,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
        use_linear_projection=True,
    )
    pipeline = (StableDiffusionXLInpaintPipeline if inpaint else StableDiffusionXLPipeline)(
        vae=vae,
        text_encoder=CLIPTextModel(tiny_text_config(tokenizer)),
        tokenizer=tokenizer,
        text_encoder_2=CLIPTextModelWithProjection(tiny_text_config(tokenizer, hidden_act="gelu")),
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=tiny_scheduler(),
        force_zeros_for_empty_prompt=zeros_for_empty,
        add_watermarker=False,
    )
    pipeline.save_pretrained(path, safe_serialization=True)
    return path
