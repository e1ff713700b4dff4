"""Stage 2 of the image model: text encoders that learn to read captions.

The last three tokens of every caption are padding, which sees the whole of it. They learn to hold the
first thing (the upper or left one), the second, and place and background, each by linear read-outs that
are dropped afterwards. So the denoisers need not find out by themselves which attribute belongs to what.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from starter import progress
from starter.checkpoint import Checkpoint, learning_rate

from .captions import describe
from .models import WIDTH
from .scenes import COLOURS, POSITIONS, SHAPES, SIZES, Scene, Thing, sample_scene

STEPS = 600
BATCH = 128
PEAK_RATE = 2e-3
SAVE_EVERY = 100

Features = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
_THING = {"size": ("", *SIZES), "colour": ("", *COLOURS), "shape": ("", *SHAPES)}
_PLACES = ("", *POSITIONS, "above", "left of")
_NOTHING = Thing("", "", "")
SLOTS = (
    *((f"{name} 1", -3, len(values)) for name, values in _THING.items()),
    *((f"{name} 2", -2, len(values)) for name, values in _THING.items()),
    ("place", -1, len(_PLACES)),
    ("background", -1, len(COLOURS)),
)  # name, token that holds it, number of values


def targets(said: Scene) -> list[int]:
    """What a caption says, as an index for each slot."""
    said = said.canonical
    first, second = (*said.things, _NOTHING)[:2]
    values = [names.index(getattr(thing, key)) for thing in (first, second) for key, names in _THING.items()]
    return [*values, _PLACES.index(said.place), list(COLOURS).index(said.background)]


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """Token ids, shape (n, MAX_TOKENS)."""
    ids: torch.Tensor = tokenizer(
        captions, padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
    return ids


def features(encoder: CLIPTextModel) -> Features:
    """How a Stable Diffusion pipeline sees a caption: (n, tokens, width) and, unused there, its last token."""

    def run(ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = encoder(ids).last_hidden_state
        return tokens, tokens[:, -1]

    return run


def joint_features(encoders: list[CLIPTextModelWithProjection]) -> Features:
    """How a Stable Diffusion 3 pipeline sees a caption: (n, tokens, width) and pooled (n, width)."""

    def run(ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        outputs = [encoder(ids, output_hidden_states=True) for encoder in encoders]
        tokens = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        return tokens, torch.cat([output.text_embeds for output in outputs], dim=-1)

    return run


def train(
    work: Path,
    name: str,
    tokenizer: CLIPTokenizer,
    encoders: nn.ModuleList,
    view: Features,
    *,
    seed: int,
    steps: int = STEPS,
) -> float:
    """Train, or go on training, `encoders` through `view`; the share of captions read wholly right at the end."""
    torch.manual_seed(seed)
    heads = nn.ModuleList(nn.Linear(WIDTH, size) for _ in range(2) for _, _, size in SLOTS)
    parameters = [*encoders.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_RATE, weight_decay=0.01)
    checkpoint = Checkpoint(work / f"{name}.safetensors", {"encoders": encoders, "heads": heads}, optimizer)
    right = 1.0
    for step, bar in progress.steps(f"image: {name}", checkpoint.load(), steps):
        rng = random.Random(f"{name} {seed} {step}")
        said = [describe(sample_scene(rng), rng) for _ in range(BATCH)]
        wanted = torch.tensor([targets(scene) for _, scene in said])
        tokens, pooled = view(tokenize(tokenizer, [text for text, _ in said]))
        from_tokens = [
            head(tokens[:, where]) for head, (_, where, _) in zip(heads[: len(SLOTS)], SLOTS, strict=True)
        ]
        from_pooled = [head(pooled) for head in heads[len(SLOTS) :]]
        losses = [
            F.cross_entropy(logits, wanted[:, slot])
            for read in (from_tokens, from_pooled)
            for slot, logits in enumerate(read)
        ]
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, PEAK_RATE)
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        guesses = torch.stack([logits.argmax(1) for logits in from_tokens], dim=1)
        right = float((guesses == wanted).all(dim=1).float().mean())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
            bar.print(f"{name} step {step + 1}: captions read {right:.3f}")
    return right
