"""Trains the language model, while its attention is shown where to look."""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import PreTrainedTokenizerFast

from starter import pooling, progress
from starter.checkpoint import Checkpoint, average
from starter.optimizers import Optimizers

from . import data, prose
from .encoding import CONTEXT_WEIGHT, Encoded, collate, encode, guidance
from .model import SIZES, Decoder, build
from .plan import PLAN, Plan
from .routing import ROUTER_WEIGHT, router_loss
from .tasks import FewShot

GUIDANCE_WEIGHT = 0.5  # fades to a quarter
PLAIN_SHARE = 8  # of the tokens that hardly count, one in so many is learned from
LONGEST = 1500  # tokens
SAVE_EVERY = 100


def corpus(seed: int) -> Iterator[str]:
    """The text from which the vocabulary is learned."""
    rng = random.Random(f"vocabulary {seed}")
    for paragraph in prose.split(held_out=False):
        yield " ".join(paragraph)
    for _ in range(1500):
        example = data.sample(rng, drills=0.1)
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

    def draw(rng: random.Random, step: int) -> Iterator[list[Encoded]]:
        phase = plan.phase_at(step)
        while True:
            encoded = encode(data.sample(rng, phase.draw, phase.drills), tokenizer)
            if len(encoded.ids) <= LONGEST:
                yield [encoded]

    return pooling.batches(
        f"text {seed}", start, plan.all_steps, plan.batch_tokens, draw, lambda encoded: (len(encoded.ids),)
    )


def is_inner(name: str, parameter: torch.nn.Parameter) -> bool:
    """Whether it is a matrix inside a layer, or a stack of them; a router is none."""
    return parameter.ndim >= 2 and "embed" not in name and not name.endswith("mlp.gate.weight")


def compiled(module: torch.nn.Module) -> torch.nn.Module:
    """The module compiled where there is a C++ compiler: a third faster, after a minute's wait."""
    if shutil.which("g++") is None:
        return module
    return torch.compile(module, dynamic=True)  # type: ignore[return-value]


def learned_from(weights: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """Which tokens are worth their logits: all that count, and a few of those that hardly do."""
    generator = torch.Generator().manual_seed(rng.getrandbits(32))
    few = torch.rand(len(weights), generator=generator) < 1 / PLAIN_SHARE
    return (weights > CONTEXT_WEIGHT) | ((weights > 0) & few)


def train(
    work: Path,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int,
    size: str = "default",
    plan: Plan = PLAN,
    observe: Callable[[int, Decoder], None] = lambda done, model: None,
) -> Decoder:
    """Train, or go on training, a model of one size; `work` keeps its checkpoint.

    `observe` is called after every step with the number of steps done.
    """
    torch.manual_seed(seed)
    model = build(tokenizer, size)
    model.set_attn_implementation("eager")  # the only one that tells its attention
    optimizers = Optimizers(model, is_inner, matrix_rate=plan.matrix_rate, peak_rate=plan.peak_rate)
    easier = copy.deepcopy(model) if plan.harder else None
    modules = {"model": model} | ({"easier": easier} if easier else {})
    checkpoint = Checkpoint(work / f"text-{size}.safetensors", modules, *optimizers.all)
    start = checkpoint.load()
    supply = batches(tokenizer, seed, start, plan)
    options = {"output_router_logits": True} if SIZES[size].experts else {}
    # The mixture is not compiled: most of its time is in products of expert matrices, which stay as they are.
    decoder = model.model if options else compiled(model.model)
    means = progress.Means()
    for step, bar in progress.steps(f"text {size}", start, plan.all_steps):
        batch = next(supply)
        ids, weights = collate(batch, tokenizer.pad_token_id)
        counted = torch.nonzero(
            learned_from(weights[:, 1:].flatten(), random.Random(f"{seed} {step}"))
        ).flatten()
        torch._dynamo.maybe_mark_dynamic(ids, 0)
        torch._dynamo.maybe_mark_dynamic(ids, 1)
        with torch.autocast("cpu", torch.bfloat16):
            output = decoder(ids, output_attentions=True, use_cache=False, **options)
            logits = model.lm_head(output.last_hidden_state[:, :-1].flatten(0, 1)[counted])
        errors = F.cross_entropy(logits.float(), ids[:, 1:].flatten()[counted], reduction="none")
        targets = weights[:, 1:].flatten()[counted]
        loss = (errors * targets).sum() / targets.sum()
        shown = guidance(output.attentions, batch)
        weight = GUIDANCE_WEIGHT * (1 - 0.75 * min(1.0, step / plan.steps))
        balance = router_loss(output.router_logits, weights > 0) if options else torch.zeros(())
        optimizers.zero_grad()
        (loss + weight * shown + ROUTER_WEIGHT * balance).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step(plan.rate_at(step))
        if easier and step + 1 == plan.steps:
            easier.load_state_dict(model.state_dict())
        answers = targets == 1
        answer = errors[answers].mean().item() if answers.any() else 0.0
        means.add(loss=loss.item(), answers=answer, guidance=shown.item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == plan.all_steps:
            checkpoint.save(step + 1)
            bar.print(f"text {size} step {step + 1}: {means.take()}")
        observe(step + 1, model)
    if easier:
        # Better than either at nearly everything (Wortsman et al., 2022, arXiv:2109.01903).
        average(model, easier, 0.5)
    return model.eval()
