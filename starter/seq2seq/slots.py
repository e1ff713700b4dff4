"""Templates with places for made-up names, numbers and words."""

from __future__ import annotations

import random
import re

from starter.text.names import made_up_word

from .example import Part, held_out
from .phrasings import EVENTS, FAULTS, STATES, TOPICS, WEEKDAYS

COMBINED = ("cause", "event")  # kinds of slot with held-out combinations
ASIDE = 90  # slots from this number on are not of the answer


class Slots:
    """Values for the places in braces of a template, drawn when first asked for."""

    def __init__(self, rng: random.Random, *, held_out_names: bool) -> None:
        self._rng = rng
        self._held_out = held_out_names
        self._values: dict[str, str] = {}

    def value(self, slot: str) -> str:
        """The value of a slot; its kind is the slot's name up to a digit."""
        if slot not in self._values:
            kind = slot.rstrip("0123456789")
            # A held-out combination is part of the answer or nowhere.
            barred = kind in COMBINED and int(slot.removeprefix(kind)) >= ASIDE
            while (new := self._draw(kind)) in self._values.values() or (barred and held_out(new)):
                pass
            self._values[slot] = new
        return self._values[slot]

    def fill(self, template: str) -> list[Part]:
        """The template's parts, the slots' keyed by the slot."""
        pieces = re.split(r"{(\w+)}", template)
        return [
            (self.value(piece), piece) if place % 2 else (piece, "") for place, piece in enumerate(pieces)
        ]

    def _draw(self, kind: str) -> str:
        rng = self._rng
        if kind in ("person", "place", "firm"):
            return made_up_word(rng, held_out=self._held_out).capitalize()
        if kind == "service":
            return made_up_word(rng, held_out=self._held_out)
        if kind == "time":
            return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
        if kind == "number":
            return str(rng.randint(2, 10 ** rng.randint(1, 4)))
        if kind == "code":
            return str(rng.randint(100, 999))
        if kind == "day":
            return rng.choice((rng.choice(WEEKDAYS), f"day {rng.randint(1, 365)}"))
        if kind == "event":
            return f"the {rng.choice(TOPICS)} {rng.choice(EVENTS)}"
        return f"a {rng.choice(STATES)} {rng.choice(FAULTS)}"
