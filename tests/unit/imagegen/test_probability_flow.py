"""Densities along the flow against those of Gaussian data, whose ideal denoisers are linear."""

import math

import numpy as np
import pytest
import torch
from imagegen.probability_flow import (
    EVALUATIONS_PER_STEP,
    DiffusionPath,
    FlowPath,
    LogDensity,
    Predict,
    StraightPath,
)

SHAPE = (3, 2, 4)
DIMENSIONS = math.prod(SHAPE)
ALPHAS = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))


class Gaussian:
    """N(mean, covariance) with correlated values, of standard deviations from 0.05 to 2."""

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(0)
        self.basis, _ = torch.linalg.qr(
            torch.randn(DIMENSIONS, DIMENSIONS, generator=random, dtype=torch.float64)
        )
        self.variances = torch.linspace(math.log(0.05), math.log(2.0), DIMENSIONS).double().exp().square()
        self.mean = torch.randn(DIMENSIONS, generator=random, dtype=torch.float64)

    def draw(self, count: int) -> torch.Tensor:
        noise = torch.randn(
            count, DIMENSIONS, generator=torch.Generator().manual_seed(1), dtype=torch.float64
        )
        return (self.mean + (noise * self.variances.sqrt()) @ self.basis.T).view(count, *SHAPE)

    def log_prob(self, data: torch.Tensor, sigma: float) -> torch.Tensor:
        """Of the data with noise of `sigma` added."""
        along = (data.flatten(1) - self.mean) @ self.basis
        deviations = (self.variances + sigma**2).sqrt()
        return torch.distributions.Normal(0.0, deviations, validate_args=False).log_prob(along).sum(1)

    def noise(self, sample: torch.Tensor, scale: float, sigma: float) -> torch.Tensor:
        """The expected noise in `sample`, which is `scale` times data plus `sigma` times noise."""
        along = (sample.flatten(1).double() / scale - self.mean) @ self.basis
        expected = sigma / scale * along / (self.variances + (sigma / scale) ** 2)
        return (expected @ self.basis.T).view_as(sample)


GAUSSIAN = Gaussian()


def denoiser(prediction_type: str) -> Predict:
    """The ideal denoiser of a discrete diffusion on GAUSSIAN."""

    def predict(sample: torch.Tensor, timestep: float) -> torch.Tensor:
        log_sigmas = 0.5 * np.log(1 / ALPHAS - 1)
        sigma = math.exp(float(np.interp(timestep, np.arange(1000), log_sigmas)))
        cos = 1 / math.hypot(1, sigma)
        sin = sigma * cos
        noise = GAUSSIAN.noise(sample, cos, sin)
        clean = (sample - sin * noise) / cos
        predictions = {"epsilon": noise, "sample": clean, "v_prediction": cos * noise - sin * clean}
        return predictions[prediction_type].float()

    return predict


def velocity(sample: torch.Tensor, timestep: float) -> torch.Tensor:
    """The ideal velocity of flow matching on GAUSSIAN."""
    sigma = timestep / 1000
    if math.isclose(sigma, 1):
        return (sample.double() - GAUSSIAN.mean.view(SHAPE)).float()
    noise = GAUSSIAN.noise(sample, 1 - sigma, sigma)
    return (noise - (sample - sigma * noise) / (1 - sigma)).float()


def log_densities(
    path: FlowPath, predict: Predict, data: torch.Tensor, steps: int, seed: int = 2
) -> torch.Tensor:
    signs = torch.randint(2, data.shape, generator=torch.Generator().manual_seed(seed))
    integral = LogDensity(path, predict, data, 2.0 * signs - 1, steps)
    with torch.inference_mode():
        for _ in range(steps * EVALUATIONS_PER_STEP):
            integral.evaluate()
    return integral.result()


DISCRETE = [(DiffusionPath(ALPHAS, kind), denoiser(kind)) for kind in ("epsilon", "sample", "v_prediction")]
PATHS = [*DISCRETE, (StraightPath(0.001, 1000), velocity)]


@pytest.mark.parametrize(("path", "predict"), PATHS, ids=["epsilon", "sample", "v_prediction", "straight"])
def test_gaussian_densities_are_known(path: FlowPath, predict: Predict) -> None:
    draws = 64
    for data in GAUSSIAN.draw(3):
        estimates = log_densities(path, predict, data.expand(draws, *SHAPE), steps=32)
        known = GAUSSIAN.log_prob(data[None], path.sigmas[0] / path.scale).item()
        error = float(estimates.std() / math.sqrt(draws))
        assert 0 < error < 2  # the values are correlated, so that probes matter
        assert estimates.mean().item() == pytest.approx(known, abs=4 * error)


def exact_trace(data: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """All unit vectors as probes, whose estimates differ from their mean by what the others' would add."""
    rows = data.expand(DIMENSIONS, *SHAPE)
    return rows, math.sqrt(DIMENSIONS) * torch.eye(DIMENSIONS).view(DIMENSIONS, *SHAPE)


@pytest.mark.parametrize(("path", "predict"), PATHS, ids=["epsilon", "sample", "v_prediction", "straight"])
def test_more_steps_come_nearer(path: FlowPath, predict: Predict) -> None:
    (data,) = GAUSSIAN.draw(1)
    rows, probes = exact_trace(data)

    def density(steps: int) -> float:
        integral = LogDensity(path, predict, rows, probes, steps)
        for _ in range(steps * EVALUATIONS_PER_STEP):
            integral.evaluate()
        return integral.result().mean().item()

    limit = density(64)
    # The end of the flow is not quite N(0, I): the data's mean still shows.
    assert limit == pytest.approx(GAUSSIAN.log_prob(data[None], path.sigmas[0] / path.scale).item(), abs=0.1)
    coarse, fine = abs(density(8) - limit), abs(density(16) - limit)
    assert fine < 0.02 and fine < coarse / 8


def test_probes_are_shared_out_by_row_when_memory_ends() -> None:
    path, predict = DISCRETE[0]
    data = GAUSSIAN.draw(5)

    def small(sample: torch.Tensor, timestep: float) -> torch.Tensor:
        if len(sample) > 2:
            raise torch.OutOfMemoryError
        return predict(sample, timestep)

    whole, halved = (log_densities(path, function, data, steps=4) for function in (predict, small))
    torch.testing.assert_close(whole, halved)

    def none(sample: torch.Tensor, timestep: float) -> torch.Tensor:
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        log_densities(path, none, data, steps=1)


def test_schedules_without_signal_at_the_end_stay_finite() -> None:
    path = DiffusionPath([*ALPHAS[:-1], 0.0], "v_prediction")
    assert path.sigmas[1] == pytest.approx(4096, rel=1e-3)
    assert path.timestep(path.sigmas[0]) == 0 and path.timestep(path.sigmas[1]) == pytest.approx(999)


def test_data_are_scaled_as_the_lowest_level_has_them() -> None:
    class Still(StraightPath):
        def derivative(self, prediction: torch.Tensor, sample: torch.Tensor, sigma: float) -> torch.Tensor:
            return prediction

    data = GAUSSIAN.draw(2)
    densities = log_densities(Still(0.5, 1000), lambda sample, _: 0 * sample, data, steps=1)
    known = torch.distributions.Normal(0.0, 2.0).log_prob(data.flatten(1)).sum(1)
    torch.testing.assert_close(densities, known)
