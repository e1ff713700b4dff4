"""Trains the encoder-decoder, while its cross-attention is shown where to look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, T5ForConditionalGeneration

from starter import progress
from starter.checkpoint import Checkpoint, learning_rate

from .batching import batches
from .encoding import collate, guidance
from .model import build


@dataclass(frozen=True)
class Plan:
    """How long is trained, and how fast: the rates of the matrices and of all else."""

    steps: int
    matrix_rate: float = 0.02
    peak_rate: float = 1e-2
    batch_tokens: int = 2048  # of inputs and answers


PLANS = {"tiny": Plan(300), "default": Plan(1600)}
GUIDANCE_WEIGHT = 0.5  # fades to a quarter
SAVE_EVERY = 50


def optimizers_of(model: T5ForConditionalGeneration, plan: Plan) -> tuple[torch.optim.Optimizer, ...]:
    """Muon (Jordan et al., 2024) for the matrices inside the layers, Adam for all else."""
    inner: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        outer = parameter.ndim != 2 or "shared" in name or "relative_attention_bias" in name
        (others if outer else inner).append(parameter)
    return (
        torch.optim.Muon(inner, lr=plan.matrix_rate, weight_decay=0.05),
        torch.optim.AdamW(others, lr=plan.peak_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    )


def train(
    work: Path,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int,
    size: str = "default",
    plan: Plan | None = None,
) -> T5ForConditionalGeneration:
    """Train, or go on training, a model of one size; `work` keeps its checkpoint."""
    plan = plan or PLANS[size]
    torch.manual_seed(seed)
    model = build(tokenizer, size)
    model.set_attn_implementation("eager")  # the only one that tells its attention
    model.train()
    optimizers = optimizers_of(model, plan)
    checkpoint = Checkpoint(work / f"seq2seq-{size}.safetensors", {"model": model}, *optimizers)
    start = checkpoint.load()
    supply = batches(tokenizer, seed, start, plan.steps, plan.batch_tokens)
    totals = torch.zeros(3)
    for step, bar in progress.steps(f"seq2seq {size}", start, plan.steps):
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
        for optimizer, peak in zip(optimizers, (plan.matrix_rate, plan.peak_rate), strict=True):
            optimizer.param_groups[0]["lr"] = learning_rate(step, plan.steps, peak)
            optimizer.zero_grad()
        (output.loss + weight * shown).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        totals += torch.tensor([output.loss.item(), shown.item(), 1.0])
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == plan.steps:
            checkpoint.save(step + 1)
            loss, looked, _ = (totals / totals[-1]).tolist()
            bar.print(f"seq2seq {size} step {step + 1}: loss {loss:.4f} guidance {looked:.3f}")
            totals.zero_()
    return model.eval()
