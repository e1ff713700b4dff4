"""The words of Tesk and of the English that is translated into it (`lexicon.txt`)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Word:
    """English forms and the stem in Tesk.

    A noun's forms are singular, plural and the vowel of its gender; a verb's the plain form, the third person and
    the past; a pronoun's the subject, the object and its ending on verbs.
    """

    forms: tuple[str, ...]
    stem: str


@cache
def lexicon() -> dict[str, tuple[Word, ...]]:
    """The words of each kind."""
    found: dict[str, list[Word]] = defaultdict(list)
    for line in (Path(__file__).parent / "lexicon.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, forms, stem = (part.strip() for part in line.split("|"))
            found[kind].append(Word(tuple(forms.split()), stem))
    return {kind: tuple(words) for kind, words in found.items()}
