"""How many vectors walks through a collection's graphs hold: calibrated at first, then corrected by audits. Pure."""

import math

from retrieval.domain import Effort, Hnsw

# Where nothing is learned.
UNLEARNED = 80
# Learned widths of searches of default effort, and what an accurate one may at most become by learning.
LEAST, MOST = 20, 512
_MOST_ACCURATE = 2048
_ACCURATE_TARGET = 0.992  # to keep 0.99
# Recalls are judged when there are so many, by standard errors of their mean.
_ROUNDS = (16, 32, 64, 128, 256)
_SURE = 1.5
# So much a width grows at once.
_LEAST_RISE, _MOST_RISE = 1.25, 4.0
# It shrinks once so many tell that less is missed than three quarters of what may be, to where it would be nine tenths.
_FALL_AFTER, _FALL_BELOW, _FALL_TO = 128, 0.75, 0.9
_MOST_FALL = 0.7


class RecallControl:
    """A factor on widths that holds the recall of real queries at a target.

    Recalls are judged together when there are 16, 32 … 256; then, or when the factor changes, they are forgotten. It
    grows when their mean is surely below the target, as many times as more is missed than may be: in graphs that need
    wide walks, what is missed falls no faster than the width grows. It shrinks when 128 or 256 surely miss less than
    three quarters of what they may, by the root of that: in graphs that need none, what is missed grows about as the
    square of how much narrower a walk is.
    """

    def __init__(self, target: float) -> None:
        self.factor = 1.0
        self._may_miss = 1.0 - target
        self._forget()

    def observe(self, recall: float, least: float, most: float) -> bool:
        """Take in what share of its nearest a query found, and tell whether that changes the factor.

        It stays within `least` and `most`.
        """
        missed = 1.0 - recall
        self._count += 1
        self._sum += missed
        self._squares += missed * missed
        if self._count not in _ROUNDS:
            return False
        before = self.factor
        mean = self._sum / self._count
        deviation = math.sqrt(max(0.0, self._squares / self._count - mean * mean))
        doubt = _SURE * deviation / math.sqrt(self._count)
        if mean - doubt > self._may_miss:
            rise = min(max(mean / self._may_miss, _LEAST_RISE), _MOST_RISE)
            self.factor = min(self.factor * rise, max(most, self.factor))
            self._forget()
        elif self._count >= _FALL_AFTER and mean + doubt < _FALL_BELOW * self._may_miss:
            fall = math.sqrt((mean + doubt) / (_FALL_TO * self._may_miss))
            self.factor = max(self.factor * max(fall, _MOST_FALL), min(least, self.factor))
            self._forget()
        elif self._count == _ROUNDS[-1]:
            self._forget()
        return self.factor != before

    def _forget(self) -> None:
        self._count, self._sum, self._squares = 0, 0.0, 0.0


class Widths:
    """The widths of one collection's walks, by effort and by what a segment was calibrated to.

    Any thread may read them while one observes. Nothing is learned where the collection's options tell the width, or
    without a `target`, which is a recall of the nearest 10, 0 for none.
    """

    def __init__(self, options: Hnsw, target: float) -> None:
        self._fixed = options.ef_search or (None if target else UNLEARNED)
        self._accurate = options.accurate_ef_search
        self._default_control = RecallControl(target)
        self._accurate_control = RecallControl(max(target, _ACCURATE_TARGET))
        self.target = 0.0 if self._fixed else target
        # What a walk misses falls at most as its width grows, so this much wider ones miss as little as they may.
        self._accurate_rise = (1 - target) / (1 - max(target, _ACCURATE_TARGET)) if self.target else 0.0

    def width(self, effort: Effort, calibrated: int) -> int:
        """Return how many vectors a walk holds to find the nearest 10; more for more effort."""
        return self._width(effort, calibrated, self._default_control.factor, self._accurate_control.factor)

    def begun(self, effort: Effort, calibrated: int) -> int:
        """Return what `width` is before anything is observed."""
        return self._width(effort, calibrated, 1.0, 1.0)

    def observe(self, effort: Effort, calibrated: int, recall: float) -> bool:
        """Learn from the share of its nearest that a query found in walks that were not widened for it.

        Tells whether walks change by it.
        """
        if not self.target:
            return False
        if effort is Effort.DEFAULT:
            return self._default_control.observe(recall, LEAST / calibrated, MOST / calibrated)
        return self._accurate_control.observe(recall, 1.0, _MOST_ACCURATE / self._accurate_base(calibrated))

    def _width(self, effort: Effort, calibrated: int, default_factor: float, accurate_factor: float) -> int:
        default = self._fixed or _within(LEAST, calibrated * default_factor, MOST)
        if effort is Effort.DEFAULT:
            return default
        base = self._accurate_base(calibrated)
        return max(default, _within(base, base * accurate_factor, max(base, _MOST_ACCURATE)))

    def _accurate_base(self, calibrated: int) -> int:
        return max(self._accurate, math.ceil(calibrated * self._accurate_rise))


def _within(least: int, width: float, most: int) -> int:
    return min(max(least, math.ceil(width)), most)
