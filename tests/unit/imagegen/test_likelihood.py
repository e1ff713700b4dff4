import math

import pytest
import torch
from imagegen.likelihood import (
    bits_per_dimension,
    discretised_gaussian_log_likelihood,
    kl_to_standard_normal,
    mean_and_error,
)

LEVELS = torch.arange(256).float() / 127.5 - 1


@pytest.mark.parametrize("mean", [-1.3, -1.0, 0.0, 0.37, 1.0])
@pytest.mark.parametrize("sigma", [0.004, 0.1, 2.0])
def test_probabilities_of_all_levels_sum_to_one(mean: float, sigma: float) -> None:
    pixels = LEVELS.view(256, 1, 1, 1)
    log_p = discretised_gaussian_log_likelihood(pixels, torch.full_like(pixels, mean), sigma)
    assert log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-9)


def test_far_levels_stay_finite_on_both_sides() -> None:
    pixels = LEVELS.view(256, 1, 1, 1)
    high, low = (
        discretised_gaussian_log_likelihood(pixels, torch.full_like(pixels, mean), 0.01)
        for mean in (1.0, -1.0)
    )
    assert torch.isfinite(high).all()
    assert high[0] < high[100] < high[255]
    assert low.flip(0).tolist() == pytest.approx(high.tolist(), rel=1e-6)


def test_wide_gaussian_is_density_times_level_width() -> None:
    pixels = torch.full((1, 3, 2, 2), LEVELS[140])
    log_p = discretised_gaussian_log_likelihood(pixels, torch.zeros_like(pixels), 0.5)
    density = torch.distributions.Normal(0.0, 0.5).log_prob(pixels.double()).sum().item()
    assert log_p.item() == pytest.approx(density + 12 * math.log(2 / 255), abs=1e-3)


def test_divergence_agrees_with_torch() -> None:
    mean, log_variance = torch.randn(1, 4, 3, 3), torch.randn(1, 4, 3, 3)
    posterior = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum()
    assert kl_to_standard_normal(mean, log_variance) == pytest.approx(expected.item(), rel=1e-5)
    assert kl_to_standard_normal(torch.zeros(3), torch.zeros(3)) == 0


def test_uniform_levels_cost_eight_bits() -> None:
    assert bits_per_dimension(12 * math.log(1 / 256), 12) == pytest.approx(8.0)


def test_error_of_a_mean_is_that_of_independent_draws() -> None:
    assert mean_and_error([1.0, 2.0, 3.0, 6.0]) == pytest.approx((3.0, math.sqrt(14 / 3 / 4)))
    assert mean_and_error([2.0]) == (2.0, 0.0)
