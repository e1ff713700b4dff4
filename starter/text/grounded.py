"""Questions over passages, answered by a quoted sentence or, on request, in a few words; or not at all."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .passages import COMMON, Passage, arrange, filler, words
from .prompts import GROUNDED, SHORT, SHORT_SUFFIXES, SYSTEM
from .relations import draw_slots, make_fact, relations, sample_fact

ABSTENTION = "The documents don't say."
FRAMES = (
    "What does the text say about {w}?", "Tell me about {w}.", "{w}?", "What is {w}?", "How does {w} work?",
    "What about {w}?", "Why {w}?", "What do you know about {w}?", "Explain {w}.", "Which {w}?",
    "When is {w}?", "How is {w}?", "What are {w}?", "Who {w}?", "{w}", "Where is {w}?",
    "What happens with {w}?", "Can I {w}?", "How are {w}?", "Where are {w}?", "Does {w}?", "Is {w}?",
)  # fmt: skip


@dataclass(frozen=True)
class Example:
    """One exchange.

    `source` is (passage, sentence), both from 0, of a grounded answer; `copied` what the answer copies of it.
    """

    messages: tuple[tuple[str, str], ...]
    passages: tuple[Passage, ...]
    answer: str
    source: tuple[int, int] | None = None
    copied: str = ""


@dataclass(frozen=True)
class Draw:
    """What an example may be made of. Nothing that is held out occurs in training."""

    held_out: bool = False  # names and prose
    held_out_templates: bool = False
    held_out_relations: bool = False
    max_sentences: int = 8
    real_words: bool = False
    instructed: bool = False  # most have a system prompt of the kind that programs give
    facts: float = 0.6  # part of the questions that ask for a fact; the others ask for a sentence
    answerable: float = 0.85
    same_relation: float = 0.5  # how often the passages say what is asked for of other things
    same_thing: float = 0.4  # and other things of what is asked about
    wrapped: float = 0.0  # part of the passages whose lines are broken


def question_about(sentence: str, others: set[str], rng: random.Random) -> str | None:
    """A question that repeats words of `sentence`, at least one of which is in no other sentence; or None."""
    found = words(sentence)
    rare = [
        i for i, w in enumerate(found) if w.lower() not in others and w.lower() not in COMMON and len(w) > 2
    ]
    if not rare:
        return None
    start = rng.choice(rare)
    before, after = rng.randint(0, 2), rng.randint(1, 4)
    chosen = [
        w
        for w in found[max(0, start - before) : start + after]
        if w.lower() not in COMMON or rng.random() < 0.4
    ]
    if len(rare) > 1 and rng.random() < 0.5:
        chosen += [found[i] for i in rng.sample(rare, rng.randint(1, min(2, len(rare)))) if i != start]
    if found[start] not in chosen:
        chosen.append(found[start])
    if rng.random() < 0.2:  # another form of one of the words, as people use it
        place = rng.randrange(len(chosen))
        if chosen[place] != found[start]:
            chosen[place] = _inflected(chosen[place], rng)
    return rng.choice(FRAMES).format(w=" ".join(chosen))


def _inflected(word: str, rng: random.Random) -> str:
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return word.removesuffix(ending)
    return word + rng.choice(("s", "ed", "ing"))


def _fact(rng: random.Random, draw: Draw) -> tuple[str, str, str, list[str]]:
    """A fact's sentence, question and value, and sentences that are easily taken for it."""
    fact = sample_fact(
        rng,
        held_out=draw.held_out,
        held_out_templates=draw.held_out_templates,
        held_out_relations=draw.held_out_relations,
        real_words=draw.real_words,
    )
    others = []
    if rng.random() < draw.same_relation:
        for _ in range(rng.randint(1, 3)):
            slots = draw_slots(rng, held_out=draw.held_out, real_words=draw.real_words)
            if any(slots[name] != fact.slots[name] for name in fact.asked):
                others.append(make_fact(rng, fact.relation, slots).sentence)
    if rng.random() < draw.same_thing:
        for _ in range(rng.randint(1, 2)):
            relation = rng.choice([r for r in relations() if r is not fact.relation and not r.held_out])
            slots = draw_slots(rng, held_out=draw.held_out, real_words=draw.real_words)
            slots |= {name: fact.slots[name] for name in ("a", "A")}
            others.append(make_fact(rng, relation, slots).sentence)
    return fact.sentence, fact.question, fact.value, others


def _prose(rng: random.Random, draw: Draw) -> tuple[str, str, str, list[str]] | None:
    for _ in range(8):
        sentences = filler(rng, held_out=draw.held_out, real_words=draw.real_words)
        target = rng.choice(sentences)
        if not target.endswith((".", "|")) and rng.random() < 0.7:
            continue
        others = [s for s in sentences if s != target]
        question = question_about(target, {w.lower() for s in others for w in words(s)}, rng)
        if question is not None:
            return target, question, target, others
    return None


def sample_grounded(rng: random.Random, draw: Draw = Draw()) -> Example:
    """A question over one to four passages."""
    while True:
        about_fact = rng.random() < draw.facts
        drawn = _fact(rng, draw) if about_fact else _prose(rng, draw)
        if drawn is None:
            continue
        target, question, value, others = drawn
        pool = [target, *others]
        count = rng.randint(2, max(2, draw.max_sentences))
        while len(pool) < count:
            pool += filler(rng, held_out=draw.held_out, real_words=draw.real_words)
        rest = [s for s in dict.fromkeys(pool) if s != target]
        elsewhere = {w.lower() for s in rest for w in words(s)}
        asked = {w.lower() for w in words(question)} & {w.lower() for w in words(target)}
        if not about_fact and asked <= elsewhere | COMMON:
            continue  # nothing would tell the sentence from the others
        break
    answerable = rng.random() < draw.answerable
    sentences = [target, *rest] if answerable else rest
    rng.shuffle(sentences)
    if not sentences:
        sentences = filler(rng, held_out=draw.held_out, real_words=draw.real_words)
    passages, source = arrange(
        sentences, target if answerable else None, rng, held_out=draw.held_out, wrapped=draw.wrapped
    )
    if rng.random() < 0.1:
        question = question.lower()
    system, question, short = _instructions(rng, question, draw, may_be_short=about_fact)
    answer, copied = ABSTENTION, ""
    if source is not None:
        copied = value if short else target
        answer = f"{copied} [{source[0] + 1}]"
    return Example((*system, ("user", question)), passages, answer, source, copied)


def _instructions(
    rng: random.Random, question: str, draw: Draw, *, may_be_short: bool
) -> tuple[tuple[tuple[str, str], ...], str, bool]:
    """System messages, the question, and whether a few words are asked for."""
    if may_be_short and rng.random() < 0.35:
        if rng.random() < 0.5:
            return (("system", rng.choice(SHORT)),), question, True
        system = (("system", rng.choice(GROUNDED)),) if rng.random() < 0.5 else ()
        return system, f"{question} {rng.choice(SHORT_SUFFIXES)}", True
    if draw.instructed and rng.random() < 0.6:
        return (("system", rng.choice((GROUNDED[0], *GROUNDED))),), question, False
    return ((("system", rng.choice(SYSTEM)),) if rng.random() < 0.3 else ()), question, False
