"""Power laws of loss against size, data and compute, fitted."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

HUBER = 1e-3  # of log loss, as in Hoffmann et al.
STARTS = tuple(
    itertools.product((0.1, 0.5, 1.0), (0.1, 0.5, 1.0), (0.2, 0.7))
)  # alpha, beta, E of the least loss
STEEPEST = 3.0  # an exponent beyond is not told from infinity by a few sizes


@dataclass(frozen=True)
class Law:
    """L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann et al., 2022, arXiv:2203.15556, equation 2), in nats."""

    irreducible: float
    a: float
    alpha: float
    b: float
    beta: float

    def loss(self, parameters: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Predicted loss of `parameters` N after `tokens` D, elementwise."""
        size = self.a / np.asarray(parameters, float) ** self.alpha
        data = self.b / np.asarray(tokens, float) ** self.beta
        return np.asarray(self.irreducible + size + data)


@dataclass(frozen=True)
class Line:
    """L = scale / C^exponent, C in FLOPs (Kaplan et al., 2020, arXiv:2001.08361): a line in logarithms."""

    scale: float
    exponent: float


def fit(parameters: np.ndarray, tokens: np.ndarray, loss: np.ndarray, around: Law | None = None) -> Law:
    """The law that is nearest to the points by the Huber loss of logarithms; the best of many L-BFGS runs.

    `around` gives one start instead of STARTS, for samples that are much like points already fitted.
    """
    n, d = np.log(parameters), np.log(tokens)
    n_mid, d_mid, target = n.mean(), d.mean(), np.log(loss)

    def objective(p: np.ndarray) -> tuple[float, np.ndarray]:
        terms = np.stack([p[0] - p[1] * (n - n_mid), p[2] - p[3] * (d - d_mid), np.full_like(n, p[4])])
        predicted = logsumexp(terms, axis=0)
        error = predicted - target
        value = np.where(np.abs(error) <= HUBER, error**2 / 2, HUBER * (np.abs(error) - HUBER / 2))
        size, data, rest = np.exp(terms - predicted) * np.clip(error, -HUBER, HUBER)
        slope = [size.sum(), -(size * (n - n_mid)).sum(), data.sum(), -(data * (d - d_mid)).sum(), rest.sum()]
        # Scaled, since the optimizer's tolerances are absolute.
        return float(value.sum()) / HUBER**2, np.array(slope) / HUBER**2

    least = float(loss.min())
    starts = list(STARTS)
    if around:
        starts = [(around.alpha, around.beta, max(around.irreducible, 1e-3 * least) / least)]
    bounds = [(None, None), (0.0, STEEPEST), (None, None), (0.0, STEEPEST), (None, float(np.log(least)))]
    found = []
    for alpha, beta, part in starts:
        left = np.log(max(float(loss.mean()) - part * least, 1e-3) / 2)
        start = np.array([left, alpha, left, beta, np.log(part * least)])
        options = {"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-8}
        found.append(minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options))
    p = min(found, key=lambda result: result.fun).x
    return Law(
        irreducible=float(np.exp(p[4])),
        a=float(np.exp(p[0] + p[1] * n_mid)),
        alpha=float(p[1]),
        b=float(np.exp(p[2] + p[3] * d_mid)),
        beta=float(p[3]),
    )


def frontier(compute: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Indices of the points that no point of as little compute betters, by compute."""
    kept: list[int] = []
    for index in np.lexsort((loss, compute)):
        if not kept or loss[index] < loss[kept[-1]]:
            kept.append(int(index))
    return np.array(kept)


def fit_line(compute: np.ndarray, loss: np.ndarray) -> Line:
    """Least squares in logarithms."""
    exponent, scale = np.polyfit(np.log(compute), np.log(loss), 1)
    return Line(scale=float(np.exp(scale)), exponent=float(-exponent))


def r_squared(loss: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the variance of log loss that a law explains."""
    target = np.log(loss)
    left = ((target - np.log(predicted)) ** 2).sum()
    return float(1 - left / ((target - target.mean()) ** 2).sum())


def resamples(runs: Sequence[int], count: int, seed: int = 0) -> list[np.ndarray]:
    """Indices of bootstrap samples that draw whole runs, at least three different ones, and then points of each.

    Points of one run lie on one smooth curve: drawn singly they would make every range too narrow.
    """
    rng, labels = np.random.default_rng(seed), np.asarray(runs)
    names = np.unique(labels)
    samples: list[np.ndarray] = []
    while len(samples) < count:
        drawn = rng.choice(names, len(names))
        if len(np.unique(drawn)) < min(3, len(names)):
            continue
        parts = []
        for name in drawn:
            inside = np.flatnonzero(labels == name)
            parts.append(rng.choice(inside, len(inside)))
        samples.append(np.concatenate(parts))
    return samples
