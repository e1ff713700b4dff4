"""Parts that several pipelines share."""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTokenizer

PROMPT_TOKENS = 16
# Pixels along a side of the tiny models' images, and of a latent cell.
SIDE, CELL = 16, 2


def save_tiny_vae(path: Path) -> Path:
    """Write a bare AutoencoderKL directory."""
    torch.manual_seed(1)
    tiny_vae().save_pretrained(path, safe_serialization=True)
    return path


def tiny_vae(**config: Any) -> Any:
    """An autoencoder of two blocks."""
    vae = AutoencoderKL(
        sample_size=SIDE,
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=0.5,
        **config,
    )
    with torch.no_grad():
        # Spread the output over the range of pixels, so that images differ visibly.
        vae.decoder.conv_out.weight.mul_(3)
        vae.encoder.conv_out.weight.mul_(3)
    return vae


def tiny_unet(**config: Any) -> Any:
    """A conditional U-Net of two blocks; `config` overrides its config."""
    settings = {
        "sample_size": SIDE // CELL,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
    }
    unet = UNet2DConditionModel(**(settings | config))
    with torch.no_grad():
        # Untrained attention hardly listens to the prompt; make it heard.
        for name, parameter in unet.named_parameters():
            if "attn2.to_out" in name:
                parameter.mul_(20)
    return unet


def tiny_scheduler(**config: Any) -> DDIMScheduler:
    """Stable Diffusion's; `config` overrides its config."""
    settings = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    settings |= {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    return DDIMScheduler(**(settings | config))


def tiny_tokenizer() -> Any:
    """A CLIP tokenizer of single characters."""
    letters = [chr(code) for code in range(33, 127)]
    words = ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = [*letters, *(letter + "</w>" for letter in letters), *words]
    vocab = {token: index for index, token in enumerate(vocabulary)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=PROMPT_TOKENS)


def tiny_text_config(tokenizer: Any, **config: Any) -> CLIPTextConfig:
    """A CLIP text encoder of two layers, 16 wide; `config` adds to it."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=PROMPT_TOKENS,
        projection_dim=16,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **config,
    )
