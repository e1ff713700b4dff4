"""Trains the language model: first with its attention shown where to look, then by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from starter import progress
from starter.checkpoint import Checkpoint, learning_rate

from . import data, prose
from .encoding import Encoded, collate, encode, guidance
from .grounded import Draw
from .model import build
from .tasks import FewShot


@dataclass(frozen=True)
class Plan:
    """How long and how fast a size is trained."""

    steps: int
    peak_rate: float
    batch_tokens: int = 4096


PLANS = {
    "tiny": Plan(2000, 2.5e-3),
    "small": Plan(2400, 2e-3),
    "default": Plan(3150, 1.2e-3),
    "large": Plan(3000, 8e-4),
}
GUIDANCE_WEIGHT = 0.5  # fades to a quarter
# (from this part of the steps, sentences in the passages at most)
CURRICULUM = ((0.0, 3), (0.1, 6), (0.25, 12), (0.6, 16))
REAL_WORDS_FROM = 0.3  # by then made-up words are copied; now ordinary ones must be, too
INSTRUCTED_FROM = 0.4
LONGEST = 1500  # tokens
POOL = 8  # batches drawn together and sorted by length, so that little is padded
SAVE_EVERY = 100


def corpus(seed: int) -> Iterator[str]:
    """The text from which the vocabulary is learned."""
    rng = random.Random(f"vocabulary {seed}")
    for paragraph in prose.split(held_out=False):
        yield " ".join(paragraph)
    for _ in range(1500):
        example = data.sample(rng)
        if isinstance(example, str):
            yield example
        elif isinstance(example, FewShot):
            yield example.prompt + example.answer
        else:
            yield from (content for _, content in example.messages)
            yield from (passage.text for passage in example.passages)
            yield example.answer


def batches(tokenizer: PreTrainedTokenizerFast, seed: int, start: int, plan: Plan) -> Iterator[list[Encoded]]:
    """One batch a step, the same for a step wherever training resumes."""
    for pool in range(start // POOL, (plan.steps + POOL - 1) // POOL):
        rng = random.Random(f"text {seed} {pool}")
        first = pool * POOL
        part = first / plan.steps
        draw = Draw(
            max_sentences=next(most for since, most in reversed(CURRICULUM) if part >= since),
            real_words=part >= REAL_WORDS_FROM,
            instructed=part >= INSTRUCTED_FROM,
        )
        drawn: list[Encoded] = []
        while sum(len(encoded.ids) for encoded in drawn) < POOL * plan.batch_tokens:
            encoded = encode(data.sample(rng, draw), tokenizer)
            if len(encoded.ids) <= LONGEST:
                drawn.append(encoded)
        drawn.sort(key=lambda encoded: len(encoded.ids))
        ready: list[list[Encoded]] = []
        share = sum(len(encoded.ids) for encoded in drawn) / POOL
        filled = 0
        for encoded in drawn:
            if filled >= share * len(ready):
                ready.append([])
            ready[-1].append(encoded)
            filled += len(encoded.ids)
        rng.shuffle(ready)
        for index in range(POOL):
            if start <= first + index < plan.steps:
                yield ready[index % len(ready)]


def train(
    work: Path,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int,
    size: str = "default",
    plan: Plan | None = None,
) -> LlamaForCausalLM:
    """Train, or go on training, a model of one size; `work` keeps its checkpoint."""
    plan = plan or PLANS[size]
    torch.manual_seed(seed)
    model = build(tokenizer, size)
    model.set_attn_implementation("eager")  # the only one that tells its attention
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.peak_rate, betas=(0.9, 0.98), weight_decay=0.05)
    checkpoint = Checkpoint(work / f"text-{size}.safetensors", {"model": model}, optimizer)
    start = checkpoint.load()
    supply = batches(tokenizer, seed, start, plan)
    totals = torch.zeros(3)
    for step, bar in progress.steps(f"text {size}", start, plan.steps):
        batch = next(supply)
        ids, weights = collate(batch, tokenizer.pad_token_id)
        with torch.autocast("cpu", torch.bfloat16):
            output = model(ids, output_attentions=True, use_cache=False)
        logits = output.logits[:, :-1].flatten(0, 1).float()
        errors = F.cross_entropy(logits, ids[:, 1:].flatten(), reduction="none")
        targets = weights[:, 1:].flatten()
        loss = (errors * targets).sum() / targets.sum()
        shown = guidance(output.attentions, batch)
        weight = GUIDANCE_WEIGHT * (1 - 0.75 * step / plan.steps)
        optimizer.param_groups[0]["lr"] = learning_rate(step, plan.steps, plan.peak_rate)
        optimizer.zero_grad()
        (loss + weight * shown).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        answers = targets == 1
        answer = errors[answers].mean().item() if answers.any() else 0.0
        totals += torch.tensor([loss.item(), answer, shown.item()])
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == plan.steps:
            checkpoint.save(step + 1)
            loss_mean, answer_mean, shown_mean = (totals / SAVE_EVERY).tolist()
            bar.print(
                f"text {size} step {step + 1}: loss {loss_mean:.3f} answers {answer_mean:.3f} "
                f"guidance {shown_mean:.3f}"
            )
            totals.zero_()
    return model.eval()
