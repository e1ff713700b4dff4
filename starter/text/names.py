"""Made-up names, values and codes, drawn so widely that they can be copied but not remembered."""

from __future__ import annotations

import random
import string
import zlib

_ONSETS = "b br c ch cl d dr f fl g gl gr h j k kl kr l m n p pl pr qu r s sh sk sl sp st t th tr v w y z"
_VOWELS = "a e i o u ai ea ee ie oa oo ou"
_CODAS = "b ck d g k l ll m n nd nt p r rd rk rm s sh ss st t th v x z"
ONSETS, VOWELS = _ONSETS.split(), _VOWELS.split()
CODAS = [*_CODAS.split(), *[""] * 8]  # a quarter of the words end in a vowel


def held_out_name(name: str) -> bool:
    """Whether a name is kept for evaluation (one in eight)."""
    return zlib.crc32(name.lower().encode()) % 8 == 0


def made_up_word(rng: random.Random, *, held_out: bool = False) -> str:
    """A pronounceable lower-case word of two or three syllables, from the training or the held-out names."""
    while True:
        count = rng.choice((2, 2, 3))
        word = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(count)) + rng.choice(CODAS)
        if held_out_name(word) == held_out:
            return word


def code(rng: random.Random) -> str:
    """An option, environment variable, path, version or random string, as technical text is full of."""
    first, second = made_up_word(rng), made_up_word(rng)
    kind = rng.randrange(7)
    if kind == 0:
        return f"`{first}_{second}`"
    if kind == 1:
        return f"{first}_{second}".upper()
    if kind == 2:
        return f"`--{first}-{second}`"
    if kind == 3:
        return f"/{first}/{second}.{rng.choice(('toml', 'json', 'py', 'md', 'log'))}"
    if kind == 4:
        return f"{rng.randint(0, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}"
    if kind == 5:
        return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(rng.randint(4, 9)))
    return f"`{first}.{second}()`"


def number(rng: random.Random) -> str:
    """A number of one to five digits, as likely short as long."""
    return str(rng.randint(2, 10 ** rng.randint(1, 5)))


_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def date(rng: random.Random) -> str:
    """A day, written in one of three ways."""
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1000, 2099)
    name = _MONTHS[month - 1]
    return rng.choice((f"{day} {name} {year}", f"{name} {day}, {year}", f"{year}-{month:02}-{day:02}"))


def measure(rng: random.Random) -> str:
    """A quantity with its unit."""
    value = rng.choice(
        (number(rng), f"{rng.randint(0, 99)}.{rng.randint(1, 9)}", f"{rng.randint(1, 99)},000")
    )
    return f"{value} {rng.choice(('km', 'metres', 'miles', 'megabytes', 'GiB', 'kg', 'tons', 'litres', 'kilobytes'))}"
