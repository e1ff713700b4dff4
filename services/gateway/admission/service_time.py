"""How long work holds its place, from what ended: by its cost, and by how much runs beside it. Times are in seconds."""

import math

_KEPT = 0.95  # of what is known, at each new request
_SHAPE_KEPT = 0.99
_SURE = 1e-3  # of a line's slope: without it, one number of requests at all times would leave it open
_LEAST_S = 1e-6
_LEAST_SPREAD = 0.02  # of log(taken / expected)
_FAR = 5.0  # the most that one request tells of it
_FEW = 4.0  # requests after which the spread is believed


class ServiceTime:
    """Seconds for each unit of cost; recent requests weigh more.

    A pass over a batch takes longer the more it holds, so seconds a unit are taken to grow in a line with the number
    that runs. The line's level is learned from the last twenty requests, its shape from the last hundred, by least
    squares, and neither falling nor steeper than in proportion. What requests took is spread around that as a
    log-normal.
    """

    def __init__(self) -> None:
        self._seconds = self._units = self._requests = 0.0
        self._beside = 0.0  # units times how many ran
        self._shape = _Shape()
        self._scale = 0.0  # from what the shape says to seconds
        self._logs = self._squares = self._ratios = 0.0  # of log(taken / expected)

    def saw(self, seconds: float, units: float, running: float = 1.0, done: float | None = None) -> None:
        """A request that was to cost so much ended well, beside so many on average, itself among them.

        `done` is what it came to.
        """
        seconds, units = max(_LEAST_S, seconds), max(0.0, units)
        if expected := self.seconds(units, running):
            log = min(max(math.log(seconds / expected), -_FAR), _FAR)
            self._logs = self._logs * _KEPT + log
            self._squares = self._squares * _KEPT + log**2
            self._ratios = self._ratios * _KEPT + 1
        self._seconds = self._seconds * _KEPT + seconds
        self._units = self._units * _KEPT + units
        self._beside = self._beside * _KEPT + units * running
        self._requests = self._requests * _KEPT + 1
        self._shape.saw(seconds, units if done is None else done, running)
        if self._units:
            self._scale = self._seconds / self._units / self._shape.at(self._beside / self._units)

    def broke_off(self, seconds: float, units: float, running: float = 1.0, done: float = 0.0) -> None:
        """A request ended before it was done, by its deadline most likely.

        Left out, only what is quick would be learned. Where it is known how much was done, in half the time expected
        or more, the rest is taken to go as that did. What is beyond what was expected, in units or else in seconds, is
        taken to need as much again, as if it were exponential. What ended sooner says nothing.
        """
        expected = self.seconds(units, running)
        if done and seconds > expected / 2:
            whole = units if done < units else done + units
            self.saw(seconds * whole / done, units, running)
        elif 0 < expected < seconds:
            self.saw(seconds + expected, units, running)

    def rate(self, places: int) -> float | None:
        """Units of work a second that leave so many places when all are taken; None while nothing is known."""
        each = self.seconds(1.0, places)
        return places / each if each else None

    def seconds(self, units: float, running: float = 1.0) -> float:
        """How long so much holds its place among so many; 0 while nothing is known."""
        return units * self._scale * self._shape.at(running)

    def chance(self, left_s: float, units: float, running: float) -> float:
        """How likely so much is done in the time that is left, among so many; 1 while nothing is known."""
        if left_s < _LEAST_S:
            return 0.0
        expected = self.seconds(units, running)
        if not expected:
            return 1.0
        mean, deviation = self._spread()
        return _below((math.log(left_s / expected) - mean) / deviation)

    def goodput(self, left_s: float, units: float, running: float) -> float:
        """Requests a second that so many places do in time, if each is so large and is broken off after `left_s`."""
        expected = self.seconds(units, running)
        if not expected or left_s < _LEAST_S:
            return 0.0
        mean, deviation = self._spread()
        left = left_s / expected
        place = (math.log(left) - mean) / deviation
        chance = _below(place)
        # The mean of a log-normal that is cut off at `left`.
        held = math.exp(mean + deviation**2 / 2) * _below(place - deviation) + left * (1 - chance)
        return running * chance / (held * expected)

    def mean_units(self) -> float:
        """What a request costs on average."""
        return self._units / self._requests if self._requests else 0.0

    def _spread(self) -> tuple[float, float]:
        ratios = self._ratios + _FEW
        mean = self._logs / ratios
        return mean, math.sqrt(max(0.0, self._squares / ratios - mean**2) + _LEAST_SPREAD**2)


def _below(deviations: float) -> float:
    return 0.5 * (1 + math.erf(deviations / math.sqrt(2)))


class _Shape:
    """Seconds a unit as a line over the number that runs, by least squares, weighted with units."""

    def __init__(self) -> None:
        self._weight = self._running = self._squares = self._seconds = self._products = 0.0
        self._mean = self._slope = 0.0
        self._level = 1.0  # at the mean

    def saw(self, seconds: float, units: float, running: float) -> None:
        self._weight = self._weight * _SHAPE_KEPT + units
        self._running = self._running * _SHAPE_KEPT + units * running
        self._squares = self._squares * _SHAPE_KEPT + units * running**2
        self._seconds = self._seconds * _SHAPE_KEPT + seconds
        self._products = self._products * _SHAPE_KEPT + seconds * running
        if self._weight:
            self._fit()

    def at(self, running: float) -> float:
        """Above zero; only its ratio to what it is elsewhere means anything."""
        return max(self._level + self._slope * (running - self._mean), self._level * 1e-3)

    def _fit(self) -> None:
        self._mean, self._level = self._running / self._weight, self._seconds / self._weight
        variance = self._squares / self._weight - self._mean**2 + _SURE * self._mean**2
        slope = (self._products / self._weight - self._mean * self._level) / variance
        self._slope = min(max(slope, 0.0), self._level / self._mean)
