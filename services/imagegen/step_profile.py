"""How long a denoising pass takes by rows and size, and how many rows are worth while. Pure: no torch, no clock.

A pass over n evaluations (rows as the network sees them) of a model at a size is looked up among the measured ones:
between two row counts on the line through both, outside them in proportion, and for a size that was not measured
yet from the nearest one of that model, in proportion to the cells.
"""

import sys
from collections import OrderedDict

import numpy as np

from imagegen.scheduler import StageKey

# Weight of the newest measurement in the moving average.
SMOOTHING = 0.2
# The row cap gives up this part of the best rate for smaller, and so faster, passes.
TOLERANCE = 0.05
# A prediction that led to a refusal is believed this much less, until a pass is measured again.
DOUBT = 0.98
_MAX_SIZES = 64

_Size = tuple[str, int]  # model and cells


class StepProfile:
    """Seconds of passes, from those measured; the caller keeps threads apart."""

    def __init__(self) -> None:
        # By size, least recently measured first; each has seconds by evaluations.
        self._seconds: OrderedDict[_Size, dict[int, float]] = OrderedDict()
        self._efficient: dict[str, int] = {}  # evaluations x cells
        self._memory: dict[_Size, int] = {}
        self._trust: dict[str, float] = {}

    def learn(self, key: StageKey, evaluations: int, seconds: float) -> None:
        """A pass over `evaluations` rows took `seconds`."""
        size = _size(key)
        known = self._seconds.setdefault(size, {})
        self._seconds.move_to_end(size)
        before = known.get(evaluations, seconds)
        known[evaluations] = before + SMOOTHING * (seconds - before)
        self._trust[key.model] = 1.0
        if len(self._seconds) > _MAX_SIZES:
            self._seconds.popitem(last=False)

    def settle(self, key: StageKey) -> None:
        """Derive the model's row cap from what was learned at the size of `key`: the least that is near the best rate.

        Where the largest pass has it, there is no cap: yet larger ones may be better still.
        """
        known = self._seconds.get(_size(key), {})
        rates = {evaluations: evaluations / seconds for evaluations, seconds in known.items() if seconds > 0}
        good = [n for n, rate in rates.items() if rate >= (1 - TOLERANCE) * max(rates.values())]
        if good and min(good) < max(rates):
            self._efficient[key.model] = min(good) * key.height * key.width

    def exhausted(self, key: StageKey, evaluations: int) -> None:
        """A pass over `evaluations` rows ran out of memory: half as many, rounded up, are the most from now on."""
        self._memory[_size(key)] = max(1, min(-(-evaluations // 2), self.max_evaluations(key)))

    def max_evaluations(self, key: StageKey) -> int:
        """The most evaluations that a pass should have, at least 1; sys.maxsize where nothing is known."""
        model, cells = _size(key)
        bounds = [sys.maxsize]
        # What is too much for an image is too much for larger ones.
        bounds += [most for (of, size), most in self._memory.items() if of == model and size <= cells]
        if cells and model in self._efficient:
            bounds.append(max(1, self._efficient[model] // cells))
        return min(bounds)

    def seconds(self, key: StageKey, evaluations: int) -> float | None:
        """How long a pass over `evaluations` rows takes; None as long as none of the model was measured."""
        size = model, cells = _size(key)
        trust = self._trust.get(model, 1.0)
        if size in self._seconds:
            return trust * _interpolated(self._seconds[size], evaluations)
        others = [other for of, other in self._seconds if of == model]
        if not others or not cells:
            return None
        nearest = min(others, key=lambda other: max(other / cells, cells / other))
        return trust * cells / nearest * _interpolated(self._seconds[model, nearest], evaluations)

    def doubt(self, key: StageKey) -> None:
        """A request was refused by what `seconds` told: else wrong figures could refuse all that would mend them."""
        self._trust[key.model] = DOUBT * self._trust.get(key.model, 1.0)


def _size(key: StageKey) -> _Size:
    return key.model, key.height * key.width


def _interpolated(known: dict[int, float], evaluations: int) -> float:
    counts = [0, *sorted(known)]
    seconds = [0.0, *(known[count] for count in counts[1:])]
    if evaluations > counts[-1]:
        return seconds[-1] * evaluations / counts[-1]
    return float(np.interp(evaluations, counts, seconds))
