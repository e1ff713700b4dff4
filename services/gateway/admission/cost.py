"""What a request costs: in units that fairness counts, and in tokens that limits count."""

from dataclasses import dataclass

BYTES_A_TOKEN = 4  # until a tokenizer has said more
# A generated token takes a pass of its own, a prompt's shares one (the weights of Sheng et al. 2024).
_GENERATED_WEIGHT = 2.0
_SIDE = 256  # pixels
_STEPS = 20  # of an image, where its model's own number is meant


@dataclass(frozen=True, slots=True)
class Cost:
    """Units are comparable within a pool: a token read, or a step of an image of 256 x 256 pixels, is one."""

    units: float
    tokens: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.units + other.units, self.tokens + other.tokens)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.units - other.units, self.tokens - other.tokens)


NOTHING = Cost(0.0)


def text_cost(read: int, generated: int = 0) -> Cost:
    """Of tokens read and tokens generated."""
    return Cost(read + _GENERATED_WEIGHT * generated, read + generated)


def image_cost(count: int | None, steps: int | None, width: int | None, height: int | None) -> Cost:
    """Of images of that size in pixels, over all their steps; it has no tokens. What is not said is guessed.

    Requests are judged behind the gate, so numbers that none of them may have are brought within bounds.
    """
    pixels = _within(width, _SIDE, 8192) * _within(height, _SIDE, 8192)
    units = _within(count, 1, 256) * _within(steps, _STEPS, 1000) * max(1.0, pixels / _SIDE**2)
    return Cost(units)


def tokens_of(size_bytes: int) -> int:
    """Roughly how many tokens a text of that size is."""
    return max(1, size_bytes // BYTES_A_TOKEN)


def _within(value: int | None, default: int, most: int) -> int:
    return min(most, max(1, default if value is None else value))
