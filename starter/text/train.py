"""Trains the language model: first with its attention shown where to look, then by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from starter import progress
from starter.checkpoint import Checkpoint, learning_rate

from . import data, prose
from .encoding import Encoded, collate, encode, guidance
from .model import build

STEPS = 2400
GUIDED_STEPS = 1600  # with the guidance of attention, which fades out
GUIDANCE_WEIGHT = 0.5
# (from this part of the steps, sentences in the passages at most)
CURRICULUM = ((0.0, 3), (0.2, 5), (0.4, 9), (0.75, 24))
REAL_WORDS_FROM = 1400  # by then made-up words are copied; now ordinary ones must be, too
INSTRUCTED_FROM = 1800
BATCH_TOKENS = 2600
POOL = 8  # batches drawn together and sorted by length, so that little is padded
PEAK_RATE = 2.5e-3
SAVE_EVERY = 100


def corpus(seed: int) -> Iterator[str]:
    """The text from which the vocabulary is learned."""
    rng = random.Random(f"vocabulary {seed}")
    for paragraph in prose.split(held_out=False):
        yield " ".join(paragraph)
    for _ in range(6000):
        example = data.sample(rng)
        if isinstance(example, str):
            yield example
        else:
            yield from (content for _, content in example.messages)
            yield from (passage.text for passage in example.passages)
            yield example.answer


def batches(tokenizer: PreTrainedTokenizerFast, seed: int, start: int, steps: int) -> Iterator[list[Encoded]]:
    """One batch a step, the same for a step wherever training resumes."""
    for pool in range(start // POOL, (steps + POOL - 1) // POOL):
        rng = random.Random(f"text {seed} {pool}")
        first = pool * POOL
        limit = next(most for part, most in reversed(CURRICULUM) if first >= part * steps)
        drawn: list[Encoded] = []
        while sum(len(encoded.ids) for encoded in drawn) < POOL * BATCH_TOKENS:
            encoded = encode(
                data.sample(
                    rng, limit, real_words=first >= REAL_WORDS_FROM, instructed=first >= INSTRUCTED_FROM
                ),
                tokenizer,
            )
            if len(encoded.ids) <= 1000:
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
            if start <= first + index < steps:
                yield ready[index % len(ready)]


def train(
    work: Path, tokenizer: PreTrainedTokenizerFast, *, seed: int, steps: int = STEPS
) -> LlamaForCausalLM:
    """Train, or go on training, the model; `work` keeps its checkpoint."""
    torch.manual_seed(seed)
    model = build(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05)
    checkpoint = Checkpoint(work / "text.safetensors", {"model": model}, optimizer)
    start = checkpoint.load()
    supply = batches(tokenizer, seed, start, steps)
    totals = torch.zeros(3)
    for step, bar in progress.steps("text", start, steps):
        batch = next(supply)
        ids, weights = collate(batch, tokenizer.pad_token_id)
        guided = step < GUIDED_STEPS
        model.set_attn_implementation("eager" if guided else "sdpa")
        output = model(ids, output_attentions=guided, use_cache=False)
        errors = F.cross_entropy(output.logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        targets = weights[:, 1:].flatten()
        loss = (errors * targets).sum() / targets.sum()
        shown = guidance(output.attentions, batch) if guided else torch.zeros(())
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, PEAK_RATE)
        optimizer.zero_grad()
        (loss + GUIDANCE_WEIGHT * max(0.0, 1 - step / GUIDED_STEPS) * shown).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        answers = targets == 1
        totals += torch.tensor(
            [loss.item(), errors[answers].mean().item() if answers.any() else 0.0, shown.item()]
        )
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
            loss_mean, answer_mean, shown_mean = (totals / SAVE_EVERY).tolist()
            line = f"loss {loss_mean:.3f} answers {answer_mean:.3f} guidance {shown_mean:.3f}"
            bar.print(f"text step {step + 1}: {line}")
            totals.zero_()
    return model.eval()
