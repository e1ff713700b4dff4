"""Captions: many ways to say what a scene shows, in words that are one token each."""

from __future__ import annotations

import random
from dataclasses import replace

from .scenes import COLOURS, DEFAULT_BACKGROUND, POSITIONS, RELATIONS, SHAPES, SIZES, Scene, Thing

UNSAID = {"size": 0.2, "position": 0.2, "relation": 0.1, "background": 0.5}
_PHRASES = {
    "above": ("above", "above", "over"),
    "below": ("below", "below", "under"),
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
}
_GROUNDS = ("on a {} background", "on a {} background", "on {}", "with a {} background")
WORDS = tuple(
    dict.fromkeys(
        [
            *("a", "an", "the", "of", "and", "on", "in", "at", "to", "with", "picture", "image"),
            *("background", "corner", "side", "middle", "centre", "center", "over", "under"),
            *(word for name in (*POSITIONS, *RELATIONS) for word in name.split()),
            *(*SIZES, *SHAPES, *COLOURS),
        ]
    )
)


def caption(scene: Scene, rng: random.Random, *, complete: bool = False) -> str:
    """A caption; sizes, place and the default background may be left unsaid unless it is `complete`."""
    return describe(scene, rng, complete=complete)[0]


def describe(scene: Scene, rng: random.Random, *, complete: bool = False) -> tuple[str, Scene]:
    """A caption and the scene as it is said: in its order, sizes and place empty where they are unsaid."""
    things, place = scene.things, scene.place
    if len(things) == 2 and rng.random() < 0.5:
        things, place = things[::-1], RELATIONS[place]
    unsaid = [not complete and rng.random() < UNSAID["size"] for _ in things]
    things = tuple(
        replace(thing, size="" if hidden else thing.size)
        for thing, hidden in zip(things, unsaid, strict=True)
    )
    if not complete and rng.random() < UNSAID["position" if len(things) == 1 else "relation"]:
        place = ""
    phrases = [_thing(thing, rng) for thing in things]
    if len(phrases) == 2:
        phrases.insert(1, rng.choice(_PHRASES[place]) if place else "and")
    elif place:
        phrases.append(_position(place, rng))
    text = " ".join(phrases)
    ground = scene.background
    if complete or ground != DEFAULT_BACKGROUND or rng.random() >= UNSAID["background"]:
        text += " " + rng.choice(_GROUNDS).format(ground).replace("a orange", "an orange")
    if rng.random() < 0.1:
        text = rng.choice(("a picture of ", "an image of ")) + text
    return text, Scene(things, place, ground)


def _thing(thing: Thing, rng: random.Random) -> str:
    words = [word for word in (thing.size, thing.colour, thing.shape) if word]
    article = "an" if words[0] == "orange" else "a"
    return " ".join([article if rng.random() < 0.8 else "the", *words])


def _position(place: str, rng: random.Random) -> str:
    if place == "centre":
        return rng.choice(("in the centre", "in the center", "in the middle"))
    if " " in place:
        return rng.choice((f"at the {place}", f"in the {place} corner", f"in the {place}"))
    if place in ("left", "right"):
        return rng.choice((f"on the {place}", f"at the {place}", f"on the {place} side"))
    return f"at the {place}"
