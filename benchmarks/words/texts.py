"""What is searched and asked: real texts, made up to any number by leaving words out, and people's questions."""

import random
from pathlib import Path

import numpy as np

from benchmarks.relevance.data import xquad
from benchmarks.retrieval.texts import passages
from benchmarks.retrieval.vectors import Workload, embedded, perturbed

LEFT_OUT = 0.1  # of the words of a copy


def workload(folder: Path | None, count: int) -> tuple[Workload, list[str]]:
    """So many texts, each with a vector, and questions with theirs; the first texts are whole, the rest copies."""
    source = random.Random(0)
    whole = passages(folder)[:count]
    of = [*range(len(whole)), *source.choices(range(len(whole)), k=count - len(whole))]
    texts = whole + [thinned(whole[place], source) for place in of[len(whole) :]]
    known = embedded(whole)
    copies = perturbed(known[of[len(whole) :]], np.random.default_rng(0))
    questions = list(dict.fromkeys(xquad().questions))
    vectors = np.concatenate([known, copies])
    return Workload(texts, np.arange(count), vectors, embedded(questions)), questions


def thinned(text: str, source: random.Random) -> str:
    """A text without some of its words."""
    return " ".join(word for word in text.split() if source.random() >= LEFT_OUT)
