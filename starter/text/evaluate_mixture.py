"""Measures the mixture of experts on the questions that the dense model is measured on, and its held-out loss."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from transformers import MixtralForCausalLM

from starter.folder import load_tokenizer

from . import heldout
from .evaluate import GROUNDED, Judge
from .grounded import sample_grounded
from .model import count as count_parameters

MODEL = Path(__file__).parent / "mixture"


def evaluate(folder: Path = MODEL, *, count: int = 200) -> dict[str, Any]:
    """Parameters, answers of `count` questions with an answer and as many without, losses in nats."""
    tokenizer = load_tokenizer(folder)
    model = MixtralForCausalLM.from_pretrained(folder, dtype="float32").eval()
    judge = Judge(model, tokenizer)
    parameters = count_parameters(model)
    figures: dict[str, Any] = {"parameters": parameters.all, "active_parameters": parameters.active}
    for name in ("entities", "unanswerable"):
        rng = random.Random(f"evaluation {name}")
        figures[f"grounded_{name}"] = judge.grounded(
            [sample_grounded(rng, GROUNDED[name]) for _ in range(count)]
        )
    losses = heldout.losses(model, heldout.batches(tokenizer))
    figures["held_out"] = {name: round(loss, 3) for name, loss in losses.items()}
    return figures
