"""Terms of a variational autoencoder's evidence lower bound (Kingma and Welling, 2013) on 8-bit images."""

import math
import statistics
from collections.abc import Sequence

import torch

# Width of one of the 256 levels when they span [-1, 1].
LEVEL_WIDTH = 2.0 / 255.0


def discretised_gaussian_log_likelihood(
    pixels: torch.Tensor, means: torch.Tensor, sigma: float
) -> torch.Tensor:
    """Log-probability, nats [n], of 8-bit pixels under Gaussians integrated over each level.

    Ho et al., 2020, equation 13.
    `pixels` [n, 3, H, W] lie on the 256 levels of [-1, 1]; `means` has that shape and scale, `sigma` that
    scale. The lowest and highest level take the tails, so all levels' probabilities sum to one. In float64.
    """
    # float32 has blurred the levels by 1e-8, which narrow Gaussians notice.
    x, mu = ((pixels.double() + 1) * 127.5).round() / 127.5 - 1, means.double()
    half = LEVEL_WIDTH / 2
    low = torch.where(x <= -1 + half, -torch.inf, (x - half - mu) / sigma)
    high = torch.where(x >= 1 - half, torch.inf, (x + half - mu) / sigma)
    # Reflect the right tail onto the left, where log_ndtr keeps its digits.
    reflect = low > 0
    low, high = torch.where(reflect, -high, low), torch.where(reflect, -low, high)
    log_high, log_low = torch.special.log_ndtr(high), torch.special.log_ndtr(low)
    log_probability = log_high + torch.log(-torch.expm1(log_low - log_high))
    total: torch.Tensor = log_probability.flatten(1).sum(1)
    return total


def kl_to_standard_normal(mean: torch.Tensor, log_variance: torch.Tensor) -> float:
    """Divergence (Kullback-Leibler), nats, of N(mean, exp(log_variance)) from N(0, I), over all elements."""
    mean, log_variance = mean.double(), log_variance.double()
    return float(0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum())


def bits_per_dimension(nats: float, dimensions: int) -> float:
    """-nats / ln 2 / dimensions."""
    return -nats / math.log(2.0) / dimensions


def mean_and_error(draws: Sequence[float]) -> tuple[float, float]:
    """Mean of independent draws and its standard error; 0 for a single draw."""
    error = statistics.stdev(draws) / math.sqrt(len(draws)) if len(draws) > 1 else 0.0
    return statistics.fmean(draws), error
