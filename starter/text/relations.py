"""Statements about made-up things, each with questions that it answers: the relations of `relations.txt`."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .names import code, date, made_up_word, measure, number
from .prose import vocabulary

# Subjects that real documents have; made-up ones are drawn more often.
_THINGS = """
gateway|scheduler|retrieval service|text service|image service|server|client|cache|worker|queue|index|database
tokenizer|router|proxy|parser|logger|launcher|command line|health check|model|engine|collection|planner
batch|stream|snapshot|journal|dashboard|metrics endpoint|config file|installer|sampler|decoder|encoder
castle|garden|bridge|library|museum|ship|lamp|engine room|orchard|market|tower|clock|letter|map
"""
THINGS = [thing for line in _THINGS.strip().splitlines() for thing in line.split("|")]


@dataclass(frozen=True)
class Question:
    """A question's template and the slot whose value answers it."""

    template: str
    slot: str


@dataclass(frozen=True)
class Relation:
    """What can be said and asked of a relation; the held-out templates are never trained on."""

    name: str
    held_out: bool
    statements: tuple[str, ...]
    questions: tuple[Question, ...]
    held_out_statements: tuple[str, ...]
    held_out_questions: tuple[Question, ...]

    def pairs(self, *, held_out_templates: bool) -> list[tuple[str, Question]]:
        """Statements with the questions that they answer.

        With `held_out_templates` at least one of the two is held out.
        """
        kept = [(s, q) for s in self.statements for q in self.questions]
        new = [(s, q) for s in self.held_out_statements for q in (*self.questions, *self.held_out_questions)]
        new += [(s, q) for s in self.statements for q in self.held_out_questions]
        return [(s, q) for s, q in (new if held_out_templates else kept) if _answers(s, q)]


def slots_of(template: str) -> set[str]:
    """The slots that a template has."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _answers(statement: str, question: Question) -> bool:
    return slots_of(question.template) | {question.slot} <= slots_of(statement)


def _halves(line: str) -> tuple[list[str], list[str]]:
    kept, _, held_out = line.partition("||")
    kept_items, held_out_items = (
        [item.strip() for item in part.split(" | ") if item.strip()] for part in (kept, held_out)
    )
    return kept_items, held_out_items


def _question(item: str) -> Question:
    template, _, slot = item.rpartition(" = ")
    return Question(template, slot.strip())


@cache
def relations() -> tuple[Relation, ...]:
    """All relations, in the order of the file."""
    text = (Path(__file__).parent / "relations.txt").read_text(encoding="utf-8")
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            continue
        name, said, asked = lines
        statements, held_out_statements = _halves(said)
        questions, held_out_questions = _halves(asked)
        found.append(
            Relation(
                name=name.removeprefix("*"),
                held_out=name.startswith("*"),
                statements=tuple(statements),
                questions=tuple(map(_question, questions)),
                held_out_statements=tuple(held_out_statements),
                held_out_questions=tuple(map(_question, held_out_questions)),
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class Fact:
    """A sentence, one question that it answers, and the answer in a few words."""

    sentence: str
    question: str
    value: str
    relation: Relation
    slots: dict[str, str]
    asked: frozenset[str]  # slots that the question names


def draw_slots(rng: random.Random, *, held_out: bool = False, real_words: bool = False) -> dict[str, str]:
    """Values of all slots; with `held_out` the names are ones that training never uses.

    With `real_words` half of the things are ordinary words of the reference.
    """

    def thing() -> str:
        if real_words and rng.random() < 0.5:
            return " ".join(rng.choices(vocabulary(), k=rng.choice((1, 1, 2))))
        if not held_out and rng.random() < 0.3:
            return rng.choice(THINGS)
        word = made_up_word(rng, held_out=held_out)
        return f"{word} {rng.choice(THINGS)}" if rng.random() < 0.4 else word

    def name() -> str:
        words = [made_up_word(rng, held_out=held_out).capitalize() for _ in range(rng.choice((1, 1, 2)))]
        return " ".join(words)

    return {
        "a": thing(), "b": thing(), "A": name(), "B": name(), "n": number(rng), "c": code(rng), "d": date(rng),
        "m": measure(rng),
    }  # fmt: skip


def make_fact(
    rng: random.Random, relation: Relation, slots: dict[str, str], *, held_out_templates: bool = False
) -> Fact:
    """A fact of a relation about given things."""
    statement, question = rng.choice(relation.pairs(held_out_templates=held_out_templates))
    sentence = statement.format(**slots)
    return Fact(
        sentence=sentence[0].upper() + sentence[1:],
        question=question.template.format(**slots),
        value=slots[question.slot],
        relation=relation,
        slots=slots,
        asked=frozenset(slots_of(question.template)),
    )


def sample_fact(
    rng: random.Random,
    *,
    held_out: bool = False,
    held_out_templates: bool = False,
    held_out_relations: bool = False,
    real_words: bool = False,
) -> Fact:
    """A random fact. What is held out never occurs in training."""
    choices = [item for item in relations() if item.held_out == held_out_relations]
    slots = draw_slots(rng, held_out=held_out, real_words=real_words)
    return make_fact(rng, rng.choice(choices), slots, held_out_templates=held_out_templates)
