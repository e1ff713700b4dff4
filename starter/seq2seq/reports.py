"""Reports to be condensed: incidents, meetings and logs, each with sentences that do not matter."""

from __future__ import annotations

import random
import re

from .example import COMBINATIONS, LENGTHS, PATTERNS, Example, Part, compose, held_out
from .phrasings import (
    INCIDENT,
    INCIDENT_ASIDES,
    LOG_ASIDES,
    MEETING,
    MEETING_ASIDES,
)
from .slots import ASIDE, Slots

PREFIX = "summarize: "
MOST_SENTENCES = 7  # in training
# The sentences that matter, the summary, templates of sentences that do not, and what is held out.
Draft = tuple[list[list[Part]], list[Part], tuple[str, ...], set[str]]


def sample_report(rng: random.Random, *, held_out_names: bool = False) -> Example:
    """One report of any kind, held out or not: `Example.held` tells."""
    slots = Slots(rng, held_out_names=held_out_names)
    make = rng.choice((_incident, _meeting, _log))
    sentences, summary, asides, held = make(rng, slots)
    for place in range(rng.choice((0, 1, 2, 2, 3, 3, 4, 4, 5))):
        aside = rng.choice(asides)
        # Slots of their own, so that nothing in them is part of the answer.
        aside = re.sub(r"{(\w+)}", rf"{{\g<1>{ASIDE + place}}}", aside)
        sentences.insert(rng.randint(0, len(sentences)), slots.fill(aside))
    if len(sentences) > MOST_SENTENCES:
        held.add(LENGTHS)
    source = [part for sentence in sentences for part in (*sentence, (" ", ""))][:-1]
    return compose(PREFIX, source, summary, held)


def _told(
    rng: random.Random, slots: Slots, facts: list[tuple[str, ...]]
) -> tuple[list[list[Part]], set[str]]:
    chosen = [rng.randrange(len(fact)) for fact in facts]
    held = {PATTERNS} if held_out("phrasings", *chosen) else set()
    return [slots.fill(fact[place]) for fact, place in zip(facts, chosen, strict=True)], held


def _incident(rng: random.Random, slots: Slots) -> Draft:
    ended = rng.random() < 0.7
    sentences, held = _told(rng, slots, list(INCIDENT if ended else INCIDENT[:2]))
    if held_out(slots.value("cause1")):
        held.add(COMBINATIONS)
    summary = "{service1} has been down since {time1} because of {cause1}."
    if ended:
        summary = "{service1} was down from {time1} to {time2} because of {cause1}. {person1} fixed it."
    return sentences, slots.fill(summary), INCIDENT_ASIDES, held


def _meeting(rng: random.Random, slots: Slots) -> Draft:
    promised = rng.random() < 0.7
    sentences, held = _told(rng, slots, list(MEETING if promised else MEETING[:2]))
    if held_out(slots.value("event1")):
        held.add(COMBINATIONS)
    summary = "{person1} and {person2} moved {event1} to {day1}."
    if promised:
        summary += " {person3} tells {firm1} by {time1}."
    return sentences, slots.fill(summary), MEETING_ASIDES, held


def _log(rng: random.Random, slots: Slots) -> Draft:
    total = rng.randint(2, 5)
    failed = rng.randint(0, 2)
    outcomes = [place < failed for place in range(total)]
    rng.shuffle(outcomes)
    held = {PATTERNS} if held_out("outcomes", *outcomes) else set()
    sentences, failures = [], []
    for place, fails in enumerate(outcomes, 1):
        forms = ("{time#} {service#} ok.", "{service#} passed at {time#}.")
        if fails:
            forms = ("{time#} {service#} error {code#}.", "{service#} failed at {time#} with error {code#}.")
            failures.append(f"{{service{place}}} (error {{code{place}}})")
        sentences.append(slots.fill(rng.choice(forms).replace("#", str(place))))
    summary = f"{' and '.join(failures)} failed." if failures else "All checks passed."
    return sentences, slots.fill(summary), LOG_ASIDES, held
