"""Clauses in English and in Tesk."""

from __future__ import annotations

import random

from .example import COMBINATIONS, Part, held_out
from .lexicon import Word
from .phrases import Phrase, Speaker

VOWELS = {"present": "a", "past": "o", "future": "i"}


def clause(
    rng: random.Random, speaker: Speaker, *, asks: bool
) -> tuple[list[Part], list[Part], tuple[object, ...]]:
    """The English parts, those of Tesk, and the pattern: all that is so of the clause but for its words."""
    tense, denied = rng.choice(tuple(VOWELS)), rng.random() < 0.25
    subject = speaker.phrase(role="subject")
    transitive = rng.random() < 0.65
    verb, verb_key = speaker.word("transitive" if transitive else "intransitive")
    thing = speaker.phrase(role="object") if transitive else None
    if thing and thing.head != "name" and held_out(verb.stem, thing.head):
        speaker.held.add(COMBINATIONS)
    place = speaker.phrase(role="place") if rng.random() < 0.3 else None
    preposition, preposition_key = speaker.word("preposition")
    when, when_key = speaker.word("adverb")
    dated = rng.random() < 0.3

    before, after = _verb(verb, verb_key, tense, subject, denied=denied, asks=asks)
    english = [*before, *subject.english, *after] if asks else [*subject.english, *before, *after]
    english += thing.english if thing else []
    english += [(f" {preposition.forms[0]}", preposition_key), *place.english] if place else []
    english += [(f" {when.forms[0]}", when_key)] if dated else []

    tesk = [(f" {when.stem}", when_key)] if dated else []
    tesk += [(" na", verb_key)] if denied else []
    tesk += [(f" {verb.stem}", verb_key), (f"-{VOWELS[tense]}{subject.ending}", verb_key)]
    tesk += thing.tesk if thing else []
    tesk += subject.tesk
    tesk += [*place.tesk, (f" {preposition.stem}", preposition_key)] if place else []
    return english, tesk, (tense, denied, asks, thing is not None, place is not None, dated)


def _verb(
    verb: Word, key: str, tense: str, subject: Phrase, *, denied: bool, asks: bool
) -> tuple[list[Part], list[Part]]:
    """The English words of the verb up to where a question has its subject, and those after it."""
    plain, third, past = verb.forms
    helper = {"past": "did", "future": "will", "present": "does" if subject.third_singular else "do"}[tense]
    if tense == "future" or denied or asks:
        return [(f" {helper}", key)], [*([(" not", key)] if denied else []), (f" {plain}", key)]
    finite = past if tense == "past" else third if subject.third_singular else plain
    return [], [(f" {finite}", key)]
