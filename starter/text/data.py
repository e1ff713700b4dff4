"""What training sees: grounded questions, small talk, few-shot tasks, stories and prose."""

from __future__ import annotations

import random

from . import prose
from .grounded import Draw, Example, sample_grounded
from .prompts import SYSTEM
from .repeating import sample_repeat
from .smalltalk import SMALL_TALK
from .stories import sample_story
from .tasks import FewShot, sample_few_shot

MOST_SHOTS = 8


def sample_small_talk(rng: random.Random) -> Example:
    """One question about Quadrille, sometimes after one or two others."""
    turns: list[tuple[str, str]] = [("system", rng.choice(SYSTEM))] if rng.random() < 0.3 else []
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        questions, answer = rng.choice(SMALL_TALK)
        turns += [("user", rng.choice(questions)), ("assistant", answer)]
    questions, answer = rng.choice(SMALL_TALK)
    question = rng.choice(questions)
    if rng.random() < 0.2:
        question = question.lower() if rng.random() < 0.5 else question.rstrip("?.!")
    return Example((*turns, ("user", question)), (), answer)


def sample_prose(rng: random.Random) -> str:
    """One to four paragraphs of the reference."""
    found = prose.split(held_out=False)
    start = rng.randrange(len(found))
    return "\n\n".join(" ".join(paragraph) for paragraph in found[start : start + rng.randint(1, 4)])


def sample(rng: random.Random, draw: Draw = Draw(), drills: float = 0.0) -> Example | FewShot | str:  # noqa: B008 - frozen
    """A training example: an exchange, a few-shot prompt or, as a string, plain text.

    `drills` is the part of the examples that only ask to repeat something.
    """
    if rng.random() < drills:
        return sample_repeat(rng, draw)
    kind = rng.random()
    if kind < 0.76:
        return sample_grounded(rng, draw)
    if kind < 0.82:
        return sample_small_talk(rng)
    if kind < 0.90:
        return sample_few_shot(rng, rng.randint(1, MOST_SHOTS))
    return sample_story(rng) if kind < 0.93 else sample_prose(rng)
