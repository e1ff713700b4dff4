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

from starter import progress
from starter.checkpoint import Checkpoint, average

from . import data, prose
from .encoding import CONTEXT_WEIGHT, Encoded, collate, encode, guidance
from .model import SIZES, Decoder, build
from .muon import StackedMuon
from .plan import PLANS, Plan
from .routing import ROUTER_WEIGHT, router_loss
from .tasks import FewShot

GUIDANCE_WEIGHT = 0.5  # fades to a quarter
PLAIN_SHARE = 8  # of the tokens that hardly count, one in so many is learned from
LONGEST = 1500  # tokens
POOL = 8  # batches drawn together and sorted by length, so that little is padded
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
    for pool in range(start // POOL, (plan.all_steps + POOL - 1) // POOL):
        rng = random.Random(f"text {seed} {pool}")
        first = pool * POOL
        phase = plan.phase_at(first)
        drawn: list[Encoded] = []
        while sum(len(encoded.ids) for encoded in drawn) < POOL * plan.batch_tokens:
            encoded = encode(data.sample(rng, phase.draw, phase.drills), tokenizer)
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
            if start <= first + index < plan.all_steps:
                yield ready[index % len(ready)]


def optimizers_of(model: Decoder, plan: Plan) -> tuple[torch.optim.Optimizer, ...]:
    """Muon (Jordan et al., 2024) for the matrices inside the layers, Adam for all else, the routers too.

    At this size a step of Muon is a fifth slower than one of Adam and worth nearly two.
    """
    inner: list[torch.nn.Parameter] = []
    stacks: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.ndim == 3:
            stacks.append(parameter)
        elif parameter.ndim == 2 and "embed" not in name and not name.endswith("mlp.gate.weight"):
            inner.append(parameter)
        else:
            others.append(parameter)
    dense = (
        torch.optim.Muon(inner, lr=plan.matrix_rate, weight_decay=0.05),
        torch.optim.AdamW(others, lr=plan.peak_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    )
    return (*dense, StackedMuon(stacks, lr=plan.matrix_rate, weight_decay=0.05)) if stacks else dense


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
    plan: Plan | None = None,
    observe: Callable[[int, Decoder], None] = lambda done, model: None,
) -> Decoder:
    """Train, or go on training, a model of one size; `work` keeps its checkpoint.

    `observe` is called after every step with the number of steps done.
    """
    plan = plan or PLANS[size]
    torch.manual_seed(seed)
    model = build(tokenizer, size)
    model.set_attn_implementation("eager")  # the only one that tells its attention
    optimizers = optimizers_of(model, plan)
    peaks = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    easier = copy.deepcopy(model) if plan.harder else None
    modules = {"model": model} | ({"easier": easier} if easier else {})
    checkpoint = Checkpoint(work / f"text-{size}.safetensors", modules, *optimizers)
    start = checkpoint.load()
    supply = batches(tokenizer, seed, start, plan)
    options = {"output_router_logits": True} if SIZES[size].experts else {}
    # The mixture is not compiled: most of its time is in products of expert matrices, which stay as they are.
    decoder = model.model if options else compiled(model.model)
    totals = torch.zeros(3)
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
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * plan.rate_at(step)
            optimizer.zero_grad()
        balance = router_loss(output.router_logits, weights > 0) if options else torch.zeros(())
        (loss + weight * shown + ROUTER_WEIGHT * balance).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        if easier and step + 1 == plan.steps:
            easier.load_state_dict(model.state_dict())
        answers = targets == 1
        answer = errors[answers].mean().item() if answers.any() else 0.0
        totals += torch.tensor([loss.item(), answer, shown.item()])
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == plan.all_steps:
            checkpoint.save(step + 1)
            loss_mean, answer_mean, shown_mean = (totals / SAVE_EVERY).tolist()
            bar.print(
                f"text {size} step {step + 1}: loss {loss_mean:.3f} answers {answer_mean:.3f} "
                f"guidance {shown_mean:.3f}"
            )
            totals.zero_()
        observe(step + 1, model)
    if easier:
        # Better than either at nearly everything (Wortsman et al., 2022, arXiv:2109.01903).
        average(model, easier, 0.5)
    return model.eval()
