"""Small tasks shown by examples: what few-shot prompting asks of a model."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from .names import made_up_word, number

# What is taken from a list of words, and what is done with it. A task is one of each, so there are forty.
_TAKE: dict[str, Callable[[list[str]], str]] = {
    "first": lambda items: items[0],
    "last": lambda items: items[-1],
    "second": lambda items: items[1],
    "all": " ".join,
    "reversed": lambda items: " ".join(reversed(items)),
}
_DO: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "capitals": str.upper,
    "brackets": lambda text: f"({text})",
    "twice": lambda text: f"{text} {text}",
    "quoted": lambda text: f'"{text}"',
    "with a mark": lambda text: f"{text}!",
    "title": str.title,
    "dashed": lambda text: text.replace(" ", "-") + "-",
}
_FORMS = (
    ("{x} -> {y}", "\n"),
    ("Input: {x}\nOutput: {y}", "\n\n"),
    ("Q: {x}\nA: {y}", "\n"),
    ("{x} = {y}", "; "),
    ("Text: {x}\nResult: {y}", "\n\n"),
    ("in: {x}, out: {y}", "\n"),
)
HELD_OUT = frozenset(
    {("second", "capitals"), ("last", "brackets"), ("first", "twice"), ("reversed", "quoted")}
)


@dataclass(frozen=True)
class FewShot:
    """Worked examples and a last one: each is (text up to the answer, answer, what follows)."""

    items: tuple[tuple[str, str, str], ...]

    @property
    def prompt(self) -> str:
        """All up to where the last answer begins, without the space before it, which is its first token's."""
        *shown, (query, _, _) = self.items
        return ("".join(before + answer + after for before, answer, after in shown) + query).rstrip(" ")

    @property
    def answer(self) -> str:
        """The last answer."""
        return self.items[-1][1]


def tasks(*, held_out: bool) -> list[tuple[str, str]]:
    """The tasks that training sees, or those it never does."""
    return [pair for pair in ((t, d) for t in _TAKE for d in _DO) if (pair in HELD_OUT) == held_out]


def sample_few_shot(
    rng: random.Random, shots: int, *, held_out: bool = False, held_out_task: bool = False
) -> FewShot:
    """`shots` examples of one task and a query. `held_out` is of the words, `held_out_task` of the task."""
    take, do = rng.choice(tasks(held_out=held_out_task))
    form, gap = rng.choice(_FORMS)
    before, _, after = form.partition("{y}")
    items = []
    for _ in range(shots + 1):
        words = [
            number(rng) if rng.random() < 0.2 else made_up_word(rng, held_out=held_out)
            for _ in range(rng.randint(2, 4))
        ]
        items.append((before.format(x=" ".join(words)), _DO[do](_TAKE[take](words)), after + gap))
    return FewShot(tuple(items))
