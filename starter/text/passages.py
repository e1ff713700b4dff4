"""Passages as search returns them: sentences of many kinds, in one to four pieces of documents."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from . import prose
from .names import code, made_up_word, number
from .relations import sample_fact

# Words too common to tell one sentence from another.
_COMMON = """
the a an of to in is are and or for on by it its this that with as be not from at if which when what how who
where why does do did has have can will may was were one two use used into over out all any each than then
"""
COMMON = frozenset(_COMMON.split())
TITLES = (
    "Guide",
    "README.md",
    "docs/architecture.md",
    "Operations",
    "Configuration",
    "Overview",
    "notes.txt",
)


@dataclass(frozen=True)
class Passage:
    """A passage as sentences, each with the separator that follows it; in lines of `width` or as they come."""

    title: str
    sentences: tuple[str, ...]
    separators: tuple[str, ...]
    width: int | None = None  # characters

    @property
    def unwrapped(self) -> str:
        """The passage as one string, its sentences whole."""
        return "".join(s + gap for s, gap in zip(self.sentences, self.separators, strict=True)).strip()

    @property
    def text(self) -> str:
        """The passage as it is shown: `unwrapped`, with newlines in the place of some spaces."""
        if self.width is None:
            return self.unwrapped
        return re.sub(rf"(.{{{self.width // 2},{self.width}}}) (?=\S)", r"\1\n", self.unwrapped)


def words(text: str) -> list[str]:
    """The words of `text`, in order, without punctuation."""
    return re.findall(r"[\w./_-]*\w", text)


def markup(rng: random.Random, *, held_out: bool) -> str:
    """A line of a table, list, heading or program, as technical documents have between their sentences."""

    def word() -> str:
        return made_up_word(rng, held_out=held_out) if rng.random() < 0.5 else rng.choice(prose.vocabulary())

    some = " ".join(word() for _ in range(rng.randint(2, 6)))
    return rng.choice(
        (
            f"| `{word()}` | {number(rng)} | {some} |",
            f"- {word()}: {some}",
            f"## {some.capitalize()}",
            f"{word()} = {code(rng)}  # {some}",
            f"$ {word()} {code(rng)} {word()}",
            f"{rng.randint(1, 9)}. {some.capitalize()}",
        )
    )


def filler(rng: random.Random, *, held_out: bool, real_words: bool) -> list[str]:
    """A few sentences of one kind: facts, prose of the reference, markup, or words in any order."""
    kind = rng.random()
    if kind < 0.35:
        return [sample_fact(rng, held_out=held_out, real_words=real_words).sentence]
    if kind < 0.75:
        paragraph = rng.choice(prose.split(held_out=held_out))
        start = rng.randrange(len(paragraph))
        return list(paragraph[start : start + rng.randint(1, 3)])
    if kind < 0.85:
        return [markup(rng, held_out=held_out)]
    if real_words and kind < 0.95:
        some = [rng.choice(prose.vocabulary()) for _ in range(rng.randint(3, 12))]
        if rng.random() < 0.3:
            some.insert(rng.randrange(len(some)), rng.choice((code(rng), number(rng))))
        return [" ".join(some).capitalize() + "."]
    some = [made_up_word(rng, held_out=held_out) for _ in range(rng.randint(3, 9))]
    if rng.random() < 0.5:
        some.insert(rng.randrange(len(some)), code(rng))
    return [" ".join(some).capitalize() + "."]


def make_passage(
    sentences: list[str], rng: random.Random, *, held_out: bool, wrapped: float = 0.0
) -> Passage:
    """One passage of these sentences, with a title or none, now and then cut off at its start.

    `wrapped` is how often its lines are broken, as Markdown's are.
    """
    width = rng.randint(50, 110) if wrapped and rng.random() < wrapped else None
    gaps = rng.choices((" ", "\n", "\n\n"), (6, 2, 1), k=len(sentences))
    title = " ".join(made_up_word(rng, held_out=held_out) for _ in range(rng.randint(0, 2))).capitalize()
    if rng.random() < 0.3:
        title = rng.choice(TITLES)
    kind = rng.random()
    if kind < 0.15:
        return Passage(title, (f"## {title or 'Notes'}", *sentences), ("\n", *gaps), width)
    if kind < 0.3:
        rest = rng.choice(rng.choice(prose.split(held_out=held_out))).split()
        rest = rest[len(rest) // 2 :]
        return Passage(title, (" ".join(rest), *sentences), (" ", *gaps), width)
    return Passage(title, tuple(sentences), tuple(gaps), width)


def arrange(
    sentences: list[str], target: str | None, rng: random.Random, *, held_out: bool, wrapped: float = 0.0
) -> tuple[tuple[Passage, ...], tuple[int, int] | None]:
    """Cut sentences into one to four passages; also the place (passage, sentence) of the target, from 0."""
    count = min(len(sentences), rng.choices((1, 2, 3, 4), (4, 3, 2, 3))[0])
    cuts = sorted(rng.sample(range(1, len(sentences)), count - 1))
    groups = [sentences[i:j] for i, j in zip([0, *cuts], [*cuts, len(sentences)], strict=True)]
    if target is not None and rng.random() < 0.4:
        groups.sort(key=lambda group: target not in group)  # best first, as a search returns them
    passages = tuple(make_passage(group, rng, held_out=held_out, wrapped=wrapped) for group in groups)
    for index, passage in enumerate(passages):
        if target is not None and target in passage.sentences:
            return passages, (index, passage.sentences.index(target))
    return passages, None
