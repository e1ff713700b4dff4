"""Captions: many ways to say what a scene shows, in words that are one token each."""

from __future__ import annotations

import random

from .scenes import COLOURS, DEFAULT_BACKGROUND, POSITIONS, RELATIONS, SHAPES, SIZES, Scene, Thing

UNSAID = {"size": 0.2, "position": 0.2, "relation": 0.1, "background": 0.5}
_PHRASES = {
    "above": ("above", "above", "over"),
    "below": ("below", "below", "under"),
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
}
_GROUNDS = ("on a {} background", "on a {} background", "on {}", "against a {} background")
WORDS = tuple(
    dict.fromkeys(
        [
            *("a", "an", "the", "of", "and", "on", "in", "at", "to", "against", "picture", "image"),
            *("background", "corner", "side", "middle", "centre", "center", "over", "under"),
            *(word for name in (*POSITIONS, *RELATIONS) for word in name.split()),
            *(*SIZES, *SHAPES, *COLOURS),
        ]
    )
)


def caption(scene: Scene, rng: random.Random, *, complete: bool = False) -> str:
    """A caption; sizes, place and the default background may be left unsaid unless it is `complete`."""
    things, place = scene.things, scene.place
    if len(things) == 2 and rng.random() < 0.5:
        things, place = things[::-1], RELATIONS[place]
    said = [_thing(thing, complete or rng.random() >= UNSAID["size"], rng) for thing in things]
    if len(said) == 1:
        text = said[0]
        if complete or rng.random() >= UNSAID["position"]:
            text += " " + _position(place, rng)
    elif complete or rng.random() >= UNSAID["relation"]:
        text = f"{said[0]} {rng.choice(_PHRASES[place])} {said[1]}"
    else:
        text = f"{said[0]} and {said[1]}"
    ground = scene.background
    if complete or ground != DEFAULT_BACKGROUND or rng.random() >= UNSAID["background"]:
        text += " " + rng.choice(_GROUNDS).format(ground).replace("a orange", "an orange")
    return rng.choice(("a picture of ", "an image of ")) + text if rng.random() < 0.1 else text


def _thing(thing: Thing, sized: bool, rng: random.Random) -> str:
    words = [*([thing.size] if sized else []), thing.colour, thing.shape]
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
