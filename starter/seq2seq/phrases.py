"""Noun phrases in English and in Tesk."""

from __future__ import annotations

import random
from dataclasses import dataclass

from starter.text.names import made_up_word

from .example import COMBINATIONS, Part, held_out
from .lexicon import Word, lexicon


@dataclass(frozen=True)
class Phrase:
    """A noun phrase: its English words and its Tesk words as subject or object; `ending` is what verbs take."""

    english: list[Part]
    tesk: list[Part]
    ending: str
    third_singular: bool
    head: str


class Speaker:
    """Draws the parts of one sentence; `held` collects what in them is never trained on."""

    def __init__(self, rng: random.Random, *, held_out_names: bool) -> None:
        self._rng = rng
        self._held_out_names = held_out_names
        self._place = 0
        self.held: set[str] = set()

    def word(self, kind: str) -> tuple[Word, str]:
        """A word with a key of its own."""
        self._place += 1
        return self._rng.choice(lexicon()[kind]), f"w{self._place}"

    def phrase(self, *, role: str) -> Phrase:
        """A name, a pronoun or a noun with what belongs to it; role is "subject", "object" or "place"."""
        kind = self._rng.random()
        if kind < 0.25 and role != "place":
            return self._name(role)
        if kind < 0.4 and role != "place":
            word, key = self.word("pronoun")
            subject, other, ending = word.forms
            tesk = [(f" {word.stem}", key), *([("-n", key)] if role == "object" else [])]
            return Phrase([(f" {other if role == 'object' else subject}", key)], tesk, ending, False, "")
        return self._noun(role)

    def _name(self, role: str) -> Phrase:
        self._place += 1
        key = f"w{self._place}"
        name = made_up_word(self._rng, held_out=self._held_out_names).capitalize()
        tesk = [(f" {name}", key), *([("-n", key)] if role == "object" else [])]
        return Phrase([(f" {name}", key)], tesk, "", True, "name")

    def _noun(self, role: str) -> Phrase:
        noun, key = self.word("noun")
        singular, plural, gender = noun.forms
        rng = self._rng
        number = self.word("number") if rng.random() < 0.15 else None
        many = number is not None or rng.random() < 0.4
        definite = number is None and rng.random() < 0.6
        adjective = self.word("adjective") if rng.random() < 0.4 else None
        s, n = "s" if many and number is None else "", "n" if role == "object" else ""
        english: list[Part] = []
        tesk = [(f" {noun.stem}", key), (f"-{gender}{s}{'k' if definite else ''}{n}", key)]
        first = (adjective[0].forms[0] if adjective else singular)[0]
        if definite:
            english.append((" the", ""))
        elif not many:
            english.append((" an" if first in "aeiou" else " a", ""))
        if number:
            english.append((f" {number[0].forms[0]}", number[1]))
        if adjective:
            if held_out(adjective[0].stem, noun.stem):
                self.held.add(COMBINATIONS)
            english.append((f" {adjective[0].forms[0]}", adjective[1]))
            tesk += [(f" {adjective[0].stem}", adjective[1]), (f"-{gender}{s}{n}", key)]
        if number:
            tesk.append((f" {number[0].stem}", number[1]))
        english.append((f" {plural if many else singular}", key))
        return Phrase(english, tesk, "t" if many else "", not many, noun.stem)
