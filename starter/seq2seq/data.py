"""What training sees, and what is kept from it."""

from __future__ import annotations

import random
from collections.abc import Callable

from .example import Example
from .reports import sample_report
from .tesk import sample_translation

TASKS: dict[str, Callable[..., Example]] = {"summary": sample_report, "translation": sample_translation}


def sample(rng: random.Random, task: str) -> Example:
    """A training example of a task: its names are those of training, and nothing in it is held out."""
    while True:
        if not (example := TASKS[task](rng)).held:
            return example


def sample_held_out(rng: random.Random, task: str, kind: str) -> Example:
    """An example that is held out by its names and, unless `kind` is "names", by that kind alone, too.

    A sentence without any made-up name is held out by the other kinds only.
    """
    wanted = {kind} - {"names"}
    while True:
        example = TASKS[task](rng, held_out_names=True)
        if example.held == wanted:
            return example
