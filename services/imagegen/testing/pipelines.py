"""Pipelines of discrete diffusion."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    StableDiffusionPipeline,
    UNet2DModel,
)
from transformers import CLIPTextModel

from imagegen.testing.parts import (
    CELL,
    SIDE,
    tiny_scheduler,
    tiny_text_config,
    tiny_tokenizer,
    tiny_unet,
    tiny_vae,
)

_CLASSES = 1000  # DiTPipeline takes class 1000 for the null class


def save_tiny_pipeline(path: Path, **scheduler: Any) -> Path:
    """Write a StableDiffusionPipeline directory; `scheduler` overrides the scheduler's config."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    text_encoder = CLIPTextModel(tiny_text_config(tokenizer))
    pipeline = StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=tiny_unet(),
        scheduler=tiny_scheduler(**scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(path, safe_serialization=True)
    return path


def save_tiny_dit(path: Path) -> Path:
    """Write a DiTPipeline directory with two labelled classes, "tench" (also "Tinca tinca") and "goldfish"."""
    torch.manual_seed(3)
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=2,
        norm_num_groups=4,
        sample_size=SIDE // CELL,
        num_embeds_ada_norm=_CLASSES,
    )
    with torch.no_grad():
        # Untrained classes are hardly heard either.
        for name, parameter in transformer.named_parameters():
            if "class_embedder" in name:
                parameter.mul_(10)
    pipeline = DiTPipeline(transformer, tiny_vae(), DDIMScheduler(clip_sample=False))
    pipeline.save_pretrained(path, safe_serialization=True)
    # Published pipelines have the labels in their index, where diffusers reads but does not write them.
    index = json.loads((path / "model_index.json").read_text())
    index["id2label"] = {"0": "tench, Tinca tinca", "1": "goldfish"}
    (path / "model_index.json").write_text(json.dumps(index))
    return path


def save_tiny_ddpm(path: Path, *, ddim: bool = False) -> Path:
    """Write a DDPMPipeline directory, or a DDIMPipeline's."""
    torch.manual_seed(4)
    unet = UNet2DModel(
        sample_size=SIDE,
        in_channels=3,
        out_channels=3,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        norm_num_groups=4,
    )
    pipeline = DDIMPipeline(unet, DDIMScheduler()) if ddim else DDPMPipeline(unet, DDPMScheduler())
    pipeline.save_pretrained(path, safe_serialization=True)
    return path
