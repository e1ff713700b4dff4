"""Real questions over real paragraphs: the English part of XQuAD (Artetxe et al., 2020, arXiv:1910.11856)."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from pathlib import Path

from .grounded import Example
from .passages import Passage
from .prompts import SHORT


def load(path: Path) -> list[tuple[Example, tuple[str, ...]]]:
    """Each question over its own paragraph, asking for a few words, with the right answers."""
    found = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            passage = Passage(article["title"].replace("_", " "), (paragraph["context"],), ("",))
            for item in paragraph["qas"]:
                messages = (("system", SHORT[0]), ("user", item["question"]))
                answers = tuple(answer["text"] for answer in item["answers"])
                found.append((Example(messages, (passage,), answers[0], (0, 0), answers[0]), answers))
    return found


def normalized(text: str) -> str:
    """Lower case, without punctuation and articles, as SQuAD's own measure has it (Rajpurkar et al., 2016)."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def exact_match(answer: str, right: tuple[str, ...]) -> bool:
    """Whether an answer is one of the right ones."""
    return any(normalized(answer) == normalized(item) for item in right)


def f1(answer: str, right: tuple[str, ...]) -> float:
    """Harmonic mean of precision and recall in words, against the best of the right answers."""
    return max(_f1(normalized(answer).split(), normalized(item).split()) for item in right)


def _f1(found: list[str], wanted: list[str]) -> float:
    shared = sum((Counter(found) & Counter(wanted)).values())
    return 2 * shared / (len(found) + len(wanted)) if shared else 0.0
