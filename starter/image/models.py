"""The untrained parts of the image model, and the pipeline that holds them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiffusionPipeline,
    EulerAncestralDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from .captions import WORDS
from .scenes import SIZE

MAX_TOKENS = 24
WIDTH = 128
LATENT_CHANNELS = 4
DOWNSAMPLING = 4
FLOW_SHIFT = 1.0  # of the noise levels that are sampled; above 1 more steps are spent on much noise
STEPS = 20
GUIDANCE_SCALES = {"unet": 2.0, "transformer": 5.5}
START, END = "<|startoftext|>", "<|endoftext|>"


def _byte_symbols() -> list[str]:
    """The 256 printable stand-ins for bytes that GPT-2 and CLIP vocabularies use, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def _merges(words: Sequence[str]) -> list[tuple[str, str]]:
    """Merges, first ones first, that leave every word whole: each builds a word from left to right.

    A merge for one word can take a pair out of the middle of another, which then has to come earlier.
    """
    order = sorted(words, key=lambda word: (-len(word), word))
    for _ in range(len(words) ** 2):
        merges: dict[tuple[str, str], int] = {}
        for word in order:
            left, *symbols = [*word[:-1], word[-1] + "</w>"]
            for right in symbols:
                merges.setdefault((left, right), len(merges))
                left += right
        broken = next((word for word in order if len(_merged(word, merges)) > 1), None)
        if broken is None:
            return list(merges)
        order.remove(broken)
        order.insert(0, broken)
    raise ValueError("no order of merges keeps all words whole")


def _merged(word: str, merges: dict[tuple[str, str], int]) -> list[str]:
    symbols = [*word[:-1], word[-1] + "</w>"]
    while pairs := [pair for pair in itertools.pairwise(symbols) if pair in merges]:
        best = min(pairs, key=merges.__getitem__)
        at = next(i for i, pair in enumerate(itertools.pairwise(symbols)) if pair == best)
        symbols[at : at + 2] = ["".join(best)]
    return symbols


def build_tokenizer(folder: Path) -> CLIPTokenizer:
    """A CLIP tokenizer in which every caption word is one token and any other text falls back to bytes."""
    merges = _merges(WORDS)
    symbols = _byte_symbols()
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols), *(left + right for left, right in merges)]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys([*tokens, START, END]))}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": MAX_TOKENS, "unk_token": END}
    config |= {"bos_token": START, "eos_token": END, "pad_token": END, "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def _text_config(tokenizer: CLIPTokenizer, width: int, layers: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=width,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """CLIP's text encoder, two layers; features of shape (n, MAX_TOKENS, WIDTH)."""
    return CLIPTextModel(_text_config(tokenizer, WIDTH, 2))


def build_text_encoders(tokenizer: CLIPTokenizer) -> list[CLIPTextModelWithProjection]:
    """The two encoders of Stable Diffusion 3, which shares the WIDTH features between them.

    It takes the features before the last layer, and the last layer's pooled and projected.
    """
    config = _text_config(tokenizer, WIDTH // 2, 3)
    return [CLIPTextModelWithProjection(config) for _ in range(2)]


def build_vae() -> AutoencoderKL:
    """A variational autoencoder: (3, 64, 64) pixels to (4, 16, 16) latents."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 32),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=SIZE,
        mid_block_add_attention=False,
        shift_factor=0.0,
    )


def build_unet() -> UNet2DConditionModel:
    """The denoiser over (4, 16, 16) latents; it attends to the caption at 8 x 8 and 4 x 4."""
    return UNet2DConditionModel(
        sample_size=SIZE // DOWNSAMPLING,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(32, 96, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=3,
        norm_num_groups=8,
    )


def build_transformer() -> SD3Transformer2DModel:
    """The flow-matching twin: 8 x 8 patches of two latent cells a side, joint attention with the caption."""
    return SD3Transformer2DModel(
        sample_size=SIZE // DOWNSAMPLING,
        patch_size=2,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_layers=6,
        num_attention_heads=3,
        attention_head_dim=64,
        joint_attention_dim=WIDTH,
        caption_projection_dim=192,
        pooled_projection_dim=WIDTH,
        pos_embed_max_size=SIZE // DOWNSAMPLING,
    )


def build_scheduler() -> DDIMScheduler:
    """Noise that ends almost pure, so that plain backgrounds of any colour can be drawn; to train with."""
    return DDIMScheduler(
        beta_schedule="linear",
        beta_start=0.0001,
        beta_end=0.02,
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
        steps_offset=1,
    )


def build_sampler() -> EulerAncestralDiscreteScheduler:
    """The same noise, to draw with: what each step adds anew mends things drawn twice, which DDIM keeps."""
    sampler: EulerAncestralDiscreteScheduler = EulerAncestralDiscreteScheduler.from_config(
        build_scheduler().config
    )
    return sampler


def save(pipeline: DiffusionPipeline, folder: Path) -> None:
    """Write a pipeline's folder, its denoiser in half precision, with the settings that it draws best with."""
    (denoiser,) = GUIDANCE_SCALES.keys() & pipeline.components.keys()
    pipeline.components[denoiser].half()
    for name, part in pipeline.components.items():
        if name.startswith("tokenizer") and part is not None:
            build_tokenizer(folder / name)  # the files that transformers before version 5 looks for
    pipeline.save_pretrained(folder, safe_serialization=True)
    best = {"guidance_scale": GUIDANCE_SCALES[denoiser], "num_inference_steps": STEPS}
    if "text_encoder_3" in pipeline.components:
        best["max_sequence_length"] = 1  # zero tokens in the third text encoder's place
    (folder / "generation_config.json").write_text(json.dumps(best, indent=2) + "\n", encoding="utf-8")


def assemble(
    tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, vae: AutoencoderKL, unet: UNet2DConditionModel
) -> StableDiffusionPipeline:
    """The parts as one pipeline, without a safety checker: it draws shapes only."""
    return StableDiffusionPipeline(
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=build_sampler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def assemble_flow(
    tokenizer: CLIPTokenizer,
    text_encoders: list[CLIPTextModelWithProjection],
    vae: AutoencoderKL,
    transformer: SD3Transformer2DModel,
) -> StableDiffusion3Pipeline:
    """The flow-matching parts as one pipeline, without the third text encoder."""
    first, second = (encoder.eval() for encoder in text_encoders)
    return StableDiffusion3Pipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=FLOW_SHIFT),
        vae=vae.eval(),
        text_encoder=first,
        tokenizer=tokenizer,
        text_encoder_2=second,
        tokenizer_2=tokenizer,
        text_encoder_3=None,
        tokenizer_3=None,
    )


def save_untrained(folder: Path, seed: int = 0) -> None:
    """Pipelines of random weights in the final layout: `model` and `flow` in `folder`."""
    torch.manual_seed(seed)
    tokenizer, vae = build_tokenizer(folder / "tokenizer"), build_vae()
    save(assemble(tokenizer, build_text_encoder(tokenizer), vae, build_unet()), folder / "model")
    flow = assemble_flow(tokenizer, build_text_encoders(tokenizer), vae, build_transformer())
    save(flow, folder / "flow")
