"""Trains the encoder-decoder, while its cross-attention is shown where to look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, T5ForConditionalGeneration

from starter import progress
from starter.checkpoint import Checkpoint, learning_rate
from starter.optimizers import Optimizers

from .batching import batches
from .encoding import collate, guidance
from .model import SHAPE, Size, build


@dataclass(frozen=True)
class Plan:
    """How long is trained, and how fast: the rates of the matrices and of all else."""

    steps: int
    matrix_rate: float = 0.02
    peak_rate: float = 1e-2
    batch_tokens: int = 2048  # of inputs and answers


PLAN = Plan(1600)
GUIDANCE_WEIGHT = 0.5  # fades to a quarter
SAVE_EVERY = 50


def is_inner(name: str, parameter: torch.nn.Parameter) -> bool:
    """Whether it is a matrix inside a layer."""
    return parameter.ndim == 2 and "shared" not in name and "relative_attention_bias" not in name


def train(
    work: Path,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int,
    shape: Size = SHAPE,
    plan: Plan = PLAN,
) -> T5ForConditionalGeneration:
    """Train, or go on training, a model; `work` keeps its checkpoint."""
    torch.manual_seed(seed)
    model = build(tokenizer, shape)
    model.set_attn_implementation("eager")  # the only one that tells its attention
    model.train()
    optimizers = Optimizers(model, is_inner, matrix_rate=plan.matrix_rate, peak_rate=plan.peak_rate)
    checkpoint = Checkpoint(work / "seq2seq.safetensors", {"model": model}, *optimizers.all)
    start = checkpoint.load()
    supply = batches(tokenizer, seed, start, plan.steps, plan.batch_tokens)
    means = progress.Means()
    for step, bar in progress.steps("seq2seq", start, plan.steps):
        ids, labels, links = collate(next(supply), tokenizer.pad_token_id)
        with torch.autocast("cpu", torch.bfloat16):
            output = model(
                input_ids=ids,
                attention_mask=(ids != tokenizer.pad_token_id).long(),
                labels=labels,
                output_attentions=True,
                use_cache=False,
            )
        shown = guidance(output.cross_attentions, links)
        weight = GUIDANCE_WEIGHT * (1 - 0.75 * step / plan.steps)
        optimizers.zero_grad()
        (output.loss + weight * shown).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step(learning_rate(step, plan.steps, 1.0))
        means.add(loss=output.loss.item(), guidance=shown.item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == plan.steps:
            checkpoint.save(step + 1)
            bar.print(f"seq2seq step {step + 1}: {means.take()}")
    return model.eval()
