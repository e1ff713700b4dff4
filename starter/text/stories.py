"""Short plain stories from a small grammar, so that text without a chat goes on in words."""

from __future__ import annotations

import random

NAMES = "Anna|Ben|Clara|David|Emma|Finn|Grace|Henry|Iris|Jack|Lily|Max|Nora|Oscar|Rosa|Sam|Tom|Zoe".split("|")  # noqa: SIM905
ANIMALS = "cat|dog|fox|bird|horse|mouse|rabbit|bear|frog|duck".split("|")  # noqa: SIM905
PLACES = "garden|forest|village|park|kitchen|river|school|market|old house|hill|beach|barn".split("|")  # noqa: SIM905
THINGS = "ball|book|kite|lamp|box|cake|boat|hat|key|stone|letter|basket|drum|map".split("|")  # noqa: SIM905
ADJECTIVES = "big|small|red|blue|old|new|shiny|happy|sad|quiet|funny|warm|soft|bright|lost|tiny".split("|")  # noqa: SIM905
WEATHER = "sunny|rainy|windy|cold|warm|quiet|snowy".split("|")  # noqa: SIM905
OPENINGS = (
    "Once upon a time there was a {adj} {animal} who lived near the {place}.",
    "Once upon a time, {name} went to the {place}.",
    "One {weather} day, {name} found a {adj} {thing} in the {place}.",
    "{name} had a {adj} {animal}. They liked to play in the {place}.",
    "It was a {weather} morning. {name} was walking to the {place}.",
    "There was a {adj} {thing} in the {place}, and nobody knew whose it was.",
)
MIDDLES = (
    "{name} saw a {adj} {animal} and smiled.",
    '"Look at this {thing}!" said {name}.',
    "The {animal} ran to the {place} and hid behind a {thing}.",
    "They looked for the {thing} all day, but they could not find it.",
    'The {animal} asked, "Can you help me?" and {name} said yes.',
    "{name} wanted to take the {thing} home.",
    "Then it began to rain, so they went inside.",
    "{name} was {adj}, because the {thing} was gone.",
    "A {adj} {animal} came and sat down next to {name}.",
    "They walked past the {place} and sang a song.",
)
ENDINGS = (
    "In the end they were all happy.",
    "{name} gave the {thing} to the {animal}, and they became good friends.",
    "They went home and had dinner together.",
    "After that day, {name} came to the {place} every week.",
    "And that is how {name} learned to share.",
)


def sample_story(rng: random.Random) -> str:
    """A story of four to eight sentences about one person and one animal."""
    name, animal = rng.choice(NAMES), rng.choice(ANIMALS)

    def fill(template: str) -> str:
        text = template.format(
            name=name, animal=animal, place=rng.choice(PLACES), thing=rng.choice(THINGS),
            adj=rng.choice(ADJECTIVES), weather=rng.choice(WEATHER),
        )  # fmt: skip
        return text.replace("a old", "an old").replace("A old", "An old")

    middles = rng.sample(MIDDLES, rng.randint(2, 6))
    return " ".join(fill(t) for t in (rng.choice(OPENINGS), *middles, rng.choice(ENDINGS)))
