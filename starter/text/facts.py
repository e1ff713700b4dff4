"""Statements about made-up things, each with questions that it answers."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .names import code, made_up_word, number
from .prose import vocabulary

# Slots: {a} the subject, {b} another thing, {n} a number, {c} a code. The questions repeat the rare words.
TEMPLATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("The {a} listens on port {n}.", ("Which port does the {a} listen on?", "What port is the {a} on?")),
    ("The default of {c} is {n}.", ("What is the default of {c}?", "What is {c} by default?")),
    ("{c} sets the {a} of the {b}.", ("What does {c} set?", "What is {c}?", "What does {c} do?")),
    ("Set {c} to turn on the {a}.", ("How do I turn on the {a}?", "How is the {a} turned on?")),
    ("The {a} is written in {b}.", ("What is the {a} written in?", "Which language is the {a} written in?")),
    ("{A} was founded by {B} in {n}.", ("Who founded {A}?", "When was {A} founded?")),
    (
        "The {a} stores its data in {c}.",
        ("Where does the {a} store its data?", "Where is the data of the {a}?"),
    ),
    ("A {a} is a kind of {b} with {n} parts.", ("What is a {a}?", "How many parts has a {a}?")),
    ("{A} lives in the town of {B}.", ("Where does {A} live?", "Which town does {A} live in?")),
    (
        "The {a} depends on the {b} and fails without it.",
        ("What does the {a} depend on?", "Why does the {a} fail?"),
    ),
    ("Run {c} to start the {a}.", ("How do I start the {a}?", "Which command starts the {a}?")),
    (
        "The {a} is capped at {n} requests a second.",
        ("What is the {a} capped at?", "How many requests can the {a} take?"),
    ),
    ("- `{a}`: {n} megabytes of {b}", ("How large is `{a}`?", "What is `{a}`?")),
    ("The {a} answers with the status {c} when the {b} is full.", ("What happens when the {b} is full?",)),
    ("{A} is the capital of {B}.", ("What is the capital of {B}?", "What is {A} the capital of?")),
    ("The secret of the {a} is {c}.", ("What is the secret of the {a}?", "Tell me the secret of the {a}.")),
    ("{A} paid {n} coins for the {b}.", ("How much did {A} pay?", "Who paid for the {b}?")),
    (
        "Use the {a} when the {b} is slow, since it saves {n} steps.",
        ("When should I use the {a}?", "Why use the {a}?"),
    ),
    (
        "The {a} keeps the last {n} versions of each {b}.",
        ("How many versions does the {a} keep?", "What does the {a} keep?"),
    ),
    ("Version {c} of {A} added the {b}.", ("Which version of {A} added the {b}?", "When was the {b} added?")),
    (
        "Every {a} has its own {b}, named after {c}.",
        ("What does every {a} have?", "What is the {b} named after?"),
    ),
    (
        "The {a} talks to the {b} over gRPC.",
        ("How does the {a} talk to the {b}?", "What does the {a} talk to?"),
    ),
)
# Subjects that real documents have; made-up ones are drawn just as often.
_THINGS = """
gateway|scheduler|retrieval service|text service|image service|server|client|cache|worker|queue|index|database
tokenizer|router|proxy|parser|logger|launcher|command line|health check|model|engine|collection|planner
batch|stream|snapshot|journal|dashboard|metrics endpoint|config file|installer|sampler|decoder|encoder
"""
THINGS = [thing for line in _THINGS.strip().splitlines() for thing in line.split("|")]


@dataclass(frozen=True)
class Fact:
    """A sentence and one question that it answers."""

    sentence: str
    question: str


def sample_fact(rng: random.Random, *, held_out: bool = False, real_words: bool = False) -> Fact:
    """A random fact; with `held_out` all its made-up names are names that training never uses.

    With `real_words` half of the things it is about are ordinary words of the reference.
    """

    def thing() -> str:
        if real_words and rng.random() < 0.5:
            return " ".join(rng.choices(vocabulary(), k=rng.choice((1, 1, 2))))
        if not held_out and rng.random() < 0.35:
            return rng.choice(THINGS)
        word = made_up_word(rng, held_out=held_out)
        return f"{word} {rng.choice(THINGS)}" if rng.random() < 0.4 else word

    a, b = thing(), thing()
    proper_a, proper_b = (made_up_word(rng, held_out=held_out).capitalize() for _ in range(2))
    slots = {"a": a, "b": b, "A": proper_a, "B": proper_b, "n": number(rng), "c": code(rng)}
    statement, questions = rng.choice(TEMPLATES)
    return Fact(statement.format(**slots), rng.choice(questions).format(**slots))
