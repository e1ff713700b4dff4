"""Real technical prose: the Python language reference that every Python carries (PSF licence)."""

from __future__ import annotations

import re
from functools import cache
from pydoc_data.topics import topics

MIN_CHARS, MAX_CHARS = 25, 160


@cache
def paragraphs() -> tuple[tuple[str, ...], ...]:
    """Paragraphs of two or more whole sentences, in the order of the reference."""
    found = []
    for topic in sorted(topics):
        for block in re.split(r"\n\s*\n", topics[topic]):
            text = " ".join(line.strip() for line in block.splitlines())
            if re.search(r"\*{4}|={4}|-{4}|~{4}|>>>|::=|\|", text) or not text[:1].isupper():
                continue
            sentences = [s.strip() for s in re.split(r"(?<=[.!?]) +(?=[A-Z`\"(])", text)]
            kept = tuple(s for s in sentences if MIN_CHARS <= len(s) <= MAX_CHARS and s.endswith("."))
            if kept:
                found.append(kept)
    return tuple(dict.fromkeys(found))


@cache
def vocabulary() -> tuple[str, ...]:
    """The plain lower-case words of the training paragraphs, sorted."""
    text = " ".join(sentence for paragraph in split(held_out=False) for sentence in paragraph)
    return tuple(sorted(set(re.findall(r"(?<![\w.])[a-z]{4,12}(?![\w.])", text))))


def split(*, held_out: bool) -> tuple[tuple[str, ...], ...]:
    """Training paragraphs, or every tenth one, which is held out."""
    return tuple(p for index, p in enumerate(paragraphs()) if (index % 10 == 0) == held_out)
