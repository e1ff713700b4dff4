"""Training and evaluation examples: questions over passages, small talk, stories."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from . import prose
from .facts import sample_fact
from .names import code, made_up_word, number
from .smalltalk import INSTRUCTIONS, SMALL_TALK, SYSTEM_PROMPTS
from .stories import sample_story

ABSTENTION = "The documents don't say."
# Words too common to tell one sentence from another.
_COMMON = """
the a an of to in is are and or for on by it its this that with as be not from at if which when what how who
where why does do did has have can will may was were one two use used into over out all any each than then
"""
COMMON = frozenset(_COMMON.split())
FRAMES = (
    "What does the text say about {w}?", "Tell me about {w}.", "{w}?", "What is {w}?", "How does {w} work?",
    "What about {w}?", "Why {w}?", "What do you know about {w}?", "Explain {w}.", "Which {w}?",
    "When is {w}?", "How is {w}?", "What are {w}?", "Who {w}?", "{w}", "Where is {w}?",
    "What happens with {w}?", "Can I {w}?",
)  # fmt: skip


@dataclass(frozen=True)
class Passage:
    """A passage as sentences, each with the separator that follows it."""

    title: str
    sentences: tuple[str, ...]
    separators: tuple[str, ...]

    @property
    def text(self) -> str:
        """The passage as one string."""
        return "".join(s + gap for s, gap in zip(self.sentences, self.separators, strict=True)).strip()


@dataclass(frozen=True)
class Example:
    """One exchange. `source` is (passage, sentence), both from 0, of a quoted answer."""

    messages: tuple[tuple[str, str], ...]
    passages: tuple[Passage, ...]
    answer: str
    source: tuple[int, int] | None
    kind: str


def words(text: str) -> list[str]:
    """The words of `text`, in order, without punctuation."""
    return re.findall(r"[\w./_-]*\w", text)


def question_about(sentence: str, others: set[str], rng: random.Random) -> str | None:
    """A question that repeats words of `sentence`, at least one of which is in no other sentence; or None."""
    found = words(sentence)
    rare = [
        i for i, w in enumerate(found) if w.lower() not in others and w.lower() not in COMMON and len(w) > 2
    ]
    if not rare:
        return None
    start = rng.choice(rare)
    before, after = rng.randint(0, 1), rng.randint(1, 3)
    chosen = [
        w
        for w in found[max(0, start - before) : start + after]
        if w.lower() not in COMMON or rng.random() < 0.4
    ]
    if len(rare) > 1 and rng.random() < 0.3:
        chosen.append(found[rng.choice(rare)])
    if found[start] not in chosen:
        chosen.append(found[start])
    return rng.choice(FRAMES).format(w=" ".join(chosen))


def _pool(
    count: int, rng: random.Random, *, held_out: bool, real_words: bool
) -> list[tuple[str, str | None]]:
    """`count` distinct sentences in order, each with its own question where it has one."""
    pool: list[tuple[str, str | None]] = []
    paragraphs = prose.split(held_out=held_out)
    while len(pool) < count:
        kind = rng.random()
        if real_words and kind < 0.25:
            shuffled = [rng.choice(prose.vocabulary()) for _ in range(rng.randint(3, 12))]
            if rng.random() < 0.3:
                shuffled.insert(rng.randrange(len(shuffled)), rng.choice((code(rng), number(rng))))
            pool.append((" ".join(shuffled).capitalize() + ".", None))
        elif kind < 0.6:
            fact = sample_fact(rng, held_out=held_out, real_words=real_words)
            pool.append((fact.sentence, fact.question))
        elif kind < 0.85:
            pool.extend((sentence, None) for sentence in rng.choice(paragraphs)[: rng.randint(1, 3)])
        else:
            filler = [made_up_word(rng, held_out=held_out) for _ in range(rng.randint(3, 9))]
            if rng.random() < 0.5:
                filler.insert(rng.randrange(len(filler)), code(rng))
            pool.append(((" ".join(filler)).capitalize() + ".", None))
    return list(dict(pool[:count]).items())


def _passage(sentences: list[str], rng: random.Random, *, held_out: bool) -> Passage:
    gaps = tuple(rng.choices((" ", "\n", "\n\n"), (6, 2, 1), k=len(sentences)))
    title = " ".join(made_up_word(rng, held_out=held_out) for _ in range(rng.randint(0, 2))).capitalize()
    if rng.random() < 0.3:
        title = rng.choice(
            ("Guide", "README.md", "docs/architecture.md", "Operations", "Configuration", "Overview")
        )
    if rng.random() < 0.15:
        return Passage(title, (f"## {title or 'Notes'}", *sentences), ("\n", *gaps))
    return Passage(title, tuple(sentences), gaps)


def sample_quote(
    rng: random.Random,
    *,
    held_out: bool = False,
    max_sentences: int = 8,
    real_words: bool = False,
    instructed: bool = False,
) -> Example:
    """A question over one to four passages, now and then one that they do not answer.

    With `real_words` ordinary words are in them too, in any order, so that these must be copied as well.
    With `instructed` most have a system prompt of the kind that programs give.
    """
    answerable = rng.random() > 0.1
    while True:
        pool = _pool(rng.randint(2, max_sentences), rng, held_out=held_out, real_words=real_words)
        target, question = rng.choice(pool)
        others = {w.lower() for sentence, _ in pool if sentence != target for w in words(sentence)}
        if question is not None and rng.random() < 0.8:
            # The rarest words of its own question must not be elsewhere either.
            if not any(w.lower() not in others | COMMON for w in words(question) if w in target):
                continue
        else:
            question = question_about(target, others, rng)
        if question is None:
            continue
        sentences = [sentence for sentence, _ in pool if answerable or sentence != target]
        if sentences:
            break
    count = min(len(sentences), rng.choices((1, 2, 3, 4), (5, 3, 2, 2))[0])
    cuts = sorted(rng.sample(range(1, len(sentences)), count - 1))
    groups = [sentences[i:j] for i, j in zip([0, *cuts], [*cuts, len(sentences)], strict=True)]
    if answerable and rng.random() < 0.4:
        groups.sort(key=lambda group: target not in group)  # best first, as a search returns them
    passages = tuple(_passage(group, rng, held_out=held_out) for group in groups)
    source, answer = None, ABSTENTION
    if answerable:
        place = next(i for i, passage in enumerate(passages) if target in passage.sentences)
        source, answer = (place, passages[place].sentences.index(target)), f"{target} [{place + 1}]"
    if rng.random() < 0.1:
        question = question.lower()
    system = _system(rng)
    if instructed and rng.random() < 0.6:
        system = (("system", rng.choice((INSTRUCTIONS[0], *INSTRUCTIONS))),)
    return Example((*system, ("user", question)), passages, answer, source, "quote")


def _system(rng: random.Random) -> tuple[tuple[str, str], ...]:
    return (("system", rng.choice(SYSTEM_PROMPTS)),) if rng.random() < 0.3 else ()


def sample_small_talk(rng: random.Random) -> Example:
    """One question about Quadrille, sometimes after another one."""
    turns: list[tuple[str, str]] = []
    for _ in range(rng.choice((0, 0, 0, 1))):
        questions, answer = rng.choice(SMALL_TALK)
        turns += [("user", rng.choice(questions)), ("assistant", answer)]
    questions, answer = rng.choice(SMALL_TALK)
    question = rng.choice(questions)
    if rng.random() < 0.2:
        question = question.lower() if rng.random() < 0.5 else question.rstrip("?.!")
    return Example((*_system(rng), *turns, ("user", question)), (), answer, None, "small talk")


def sample(
    rng: random.Random, max_sentences: int = 8, *, real_words: bool = False, instructed: bool = False
) -> Example | str:
    """A training example: a chat exchange or, as a string, a story."""
    kind = rng.random()
    if kind < 0.8:
        return sample_quote(rng, max_sentences=max_sentences, real_words=real_words, instructed=instructed)
    return sample_small_talk(rng) if kind < 0.9 else sample_story(rng)
