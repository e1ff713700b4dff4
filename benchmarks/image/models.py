"""Models to measure with: the starter model, a folder, or random weights in well-known shapes: speed needs no more."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from imagegen.testing import save_tiny_pipeline
from imagegen.testing.parts import tiny_tokenizer
from transformers import CLIPTextConfig, CLIPTextModel

from benchmarks.text.engines import ROOT

PROMPT_TOKENS = 77
TRAINED = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}


@dataclass(frozen=True, slots=True)
class Shape:
    """Latents have `cells` a side, pixels eight times as many; channels of the networks by block."""

    cells: int
    unet: tuple[int, ...]
    layers: int
    vae: tuple[int, ...]
    text_width: int
    text_layers: int


SHAPES = {
    "small": Shape(32, (64, 128, 256), 1, (32, 64, 64, 64), 256, 2),  # 256 pixels
    "sd15": Shape(
        64, (320, 640, 1280, 1280), 2, (128, 256, 512, 512), 768, 12
    ),  # Stable Diffusion 1.5, 512 pixels
}


def ensure(name: str) -> Path:
    """The folder of "starter", "tiny" or one of SHAPES, made where it is missing; any other name is a folder."""
    if name == "starter":
        return ROOT / "starter/image/model"
    if name != "tiny" and name not in SHAPES:
        return Path(name).resolve()
    folder = ROOT / "out/benchmarks" / f"image-{name}"
    if not (folder / "model_index.json").exists():
        if name == "tiny":
            save_tiny_pipeline(folder)
        else:
            pipeline(SHAPES[name]).save_pretrained(folder, safe_serialization=True)
    return folder


def pipeline(shape: Shape) -> Any:
    """A pipeline of random weights, and a tokenizer of letters."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    tokenizer.model_max_length = PROMPT_TOKENS
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.text_width,
        intermediate_size=4 * shape.text_width,
        num_hidden_layers=shape.text_layers,
        num_attention_heads=shape.text_width // 64,
        max_position_embeddings=PROMPT_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    attending = len(shape.unet) - 1  # all blocks but the innermost attend to the text
    unet = UNet2DConditionModel(
        sample_size=shape.cells,
        block_out_channels=shape.unet,
        layers_per_block=shape.layers,
        down_block_types=("CrossAttnDownBlock2D",) * attending + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * attending,
        cross_attention_dim=shape.text_width,
        attention_head_dim=8,
    )
    vae = AutoencoderKL(
        sample_size=8 * shape.cells,
        block_out_channels=shape.vae,
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * len(shape.vae),
        up_block_types=("UpDecoderBlock2D",) * len(shape.vae),
        latent_channels=4,
        force_upcast=False,
    )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(**TRAINED, clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
