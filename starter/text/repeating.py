"""Drills in quoting: a document or a message word for word, where nearly every token is one to be learned from."""

from __future__ import annotations

import random

from .grounded import Draw, Example
from .passages import Passage, filler, make_passage

DOCUMENT_FORMS = (
    "Repeat document {n}.",
    "Quote document {n} in full.",
    "What is the text of document {n}?",
    "Give me passage {n}, word for word.",
    "Show document [{n}].",
)
MESSAGE_FORMS = (
    "Repeat after me: {text}",
    "Say this: {text}",
    "Repeat: {text}",
    "Copy this text:\n{text}",
    'Repeat what I say. "{text}"',
)


def sample_repeat(rng: random.Random, draw: Draw = Draw()) -> Example:  # noqa: B008 - frozen
    """A request to repeat one of a few short documents, with its citation, or the message itself."""
    if rng.random() < 0.3:
        text = " ".join(filler(rng, held_out=draw.held_out, real_words=draw.real_words)[:2])
        return Example((("user", rng.choice(MESSAGE_FORMS).format(text=text)),), (), text)
    passages: list[Passage] = []
    while len(passages) < 3 and (not passages or rng.random() < 0.6):
        sentences = filler(rng, held_out=draw.held_out, real_words=draw.real_words)[: rng.randint(1, 2)]
        passage = make_passage(sentences, rng, held_out=draw.held_out)
        if "\n" not in passage.text:
            passages.append(passage)
    index = rng.randrange(len(passages))
    question = rng.choice(DOCUMENT_FORMS).format(n=index + 1)
    text = passages[index].text
    return Example((("user", question),), tuple(passages), f"{text} [{index + 1}]", (index, 0), text)
