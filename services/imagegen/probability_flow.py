"""The probability-flow ODE of a denoiser and the densities that it gives (Song et al., 2021, arXiv:2011.13456).

Along the flow, data x at the lowest noise level become N(0, I) at the highest, and log-densities change by the
integral of the divergence of dx/ds, here with s = log(sigma): the derivative then has the size of x at every level.
The divergence is estimated by one probe of random signs a row (Hutchinson, 1989; Skilling, 1989), which stays as it is
along the flow.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch

# The classical method of Runge and Kutta, of fourth order: where it evaluates within a step, and the sum's weights.
_NODES = (0.0, 0.5, 0.5, 1.0)
_WEIGHTS = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
EVALUATIONS_PER_STEP = len(_NODES)
# Schedules that end without any signal end here, as diffusers' own do: the square of the signal's scale.
_LEAST_SIGNAL = 2.0**-24

# Prediction of the model, float32 [n, c, h, w], for samples of that shape at a timestep.
Predict = Callable[[torch.Tensor, float], torch.Tensor]


class FlowPath(ABC):
    """How a model's noise levels, timesteps and predictions make an ODE."""

    sigmas: tuple[float, float]  # the lowest and the highest noise level
    scale: float  # of the signal at the lowest level

    @abstractmethod
    def timestep(self, sigma: float) -> float:
        """The timestep that the model is told at `sigma`, between those it was trained at too."""

    @abstractmethod
    def derivative(self, prediction: torch.Tensor, sample: torch.Tensor, sigma: float) -> torch.Tensor:
        """dx/d log(sigma), [n, c, h, w], from the model's prediction for `sample`."""


class DiffusionPath(FlowPath):
    """A discrete diffusion that keeps variance: x = cos(a) clean + sin(a) noise, sigma = tan(a)."""

    def __init__(self, alphas_cumprod: Sequence[float], prediction_type: str) -> None:
        """`alphas_cumprod` are cos(a)^2 by timestep; `prediction_type` is that of diffusers' schedulers."""
        signal = np.maximum(np.asarray(alphas_cumprod, dtype=np.float64), _LEAST_SIGNAL)
        self._log_sigmas = 0.5 * (np.log1p(-signal) - np.log(signal))
        self._predicted = prediction_type
        self.sigmas = (math.exp(self._log_sigmas[0]), math.exp(self._log_sigmas[-1]))
        self.scale = math.sqrt(signal[0])

    def timestep(self, sigma: float) -> float:
        """Linear in log(sigma) between two timesteps of the schedule."""
        return float(np.interp(math.log(sigma), self._log_sigmas, np.arange(len(self._log_sigmas))))

    def derivative(self, prediction: torch.Tensor, sample: torch.Tensor, sigma: float) -> torch.Tensor:
        """dx/da = v = cos(a) noise - sin(a) clean, and da/d log(sigma) = sin(a) cos(a)."""
        cos = 1 / math.hypot(1.0, sigma)
        sin = sigma * cos
        if self._predicted == "v_prediction":
            return sin * cos * prediction
        if self._predicted == "sample":
            return cos * (cos * sample - prediction)
        return sin * (prediction - sin * sample)


class StraightPath(FlowPath):
    """Flow matching: x = (1 - sigma) clean + sigma noise, and the model predicts dx/d sigma = noise - clean."""

    def __init__(self, lowest_sigma: float, train_timesteps: int) -> None:
        """`lowest_sigma` is the lowest level above 0 that the model was trained at."""
        self.sigmas = (lowest_sigma, 1.0)
        self.scale = 1.0 - lowest_sigma
        self._train_timesteps = train_timesteps

    def timestep(self, sigma: float) -> float:
        """sigma times the training steps."""
        return sigma * self._train_timesteps

    def derivative(self, prediction: torch.Tensor, sample: torch.Tensor, sigma: float) -> torch.Tensor:
        """d sigma / d log(sigma) = sigma."""
        return sigma * prediction


class LogDensity:
    """Log-densities of rows, integrated along the flow; one evaluation of the model at a time."""

    def __init__(
        self, path: FlowPath, predict: Predict, data: torch.Tensor, probes: torch.Tensor, steps: int
    ) -> None:
        """`data` and `probes`, signs, are [n, c, h, w]; `steps` steps take EVALUATIONS_PER_STEP evaluations each.

        The state is in float64, apart from what `predict` makes of it.
        """
        self._path, self._predict = path, predict
        low, high = (math.log(sigma) for sigma in path.sigmas)
        self._start, self._size = low, (high - low) / steps
        with torch.inference_mode(False):  # autograd saves none of inference mode's tensors
            self._sample = data.double() * path.scale
            self._probes = probes.clone()
        self._slope = torch.zeros_like(self._sample)
        self._sum = torch.zeros_like(self._sample)
        self._divergence = torch.zeros(len(data), dtype=torch.float64, device=data.device)
        self._evaluations = 0

    def evaluate(self) -> None:
        """Take the next evaluation, and the step when it was the step's last."""
        step, node = divmod(self._evaluations, EVALUATIONS_PER_STEP)
        at = _NODES[node] * self._size
        sample = self._sample + at * self._slope
        self._slope, divergence = self._slopes(sample, self._probes, self._start + step * self._size + at)
        self._sum = self._sum + _WEIGHTS[node] * self._slope
        self._divergence = self._divergence + _WEIGHTS[node] * self._size * divergence
        self._evaluations += 1
        if node == EVALUATIONS_PER_STEP - 1:
            self._sample = self._sample + self._size * self._sum
            self._slope, self._sum = (torch.zeros_like(self._sample) for _ in range(2))

    def result(self) -> torch.Tensor:
        """Estimates of log p(data) in nats, float64 [n], once all evaluations are done."""
        dimensions = self._sample[0].numel()
        square = self._sample.square().flatten(1).sum(1)
        prior = -0.5 * (square + dimensions * math.log(2 * math.pi))
        return prior + self._divergence + dimensions * math.log(self._path.scale)

    def _slopes(
        self, sample: torch.Tensor, probes: torch.Tensor, log_sigma: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Derivatives [n, c, h, w] and estimates of their divergence [n]; halves the rows where memory ends."""
        try:
            return self._differentiate(sample, probes, math.exp(log_sigma))
        except torch.OutOfMemoryError:
            if len(sample) == 1:
                raise
        halves = zip(sample.tensor_split(2), probes.tensor_split(2), strict=True)
        results = [self._slopes(some, signs, log_sigma) for some, signs in halves]
        return torch.cat([slope for slope, _ in results]), torch.cat(
            [divergence for _, divergence in results]
        )

    def _differentiate(
        self, sample: torch.Tensor, probes: torch.Tensor, sigma: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            x = sample.clone().requires_grad_()
            slope = self._path.derivative(
                self._predict(x.float(), self._path.timestep(sigma)).double(), x, sigma
            )
            (product,) = torch.autograd.grad((slope * probes).sum(), x)
        return slope.detach(), (product * probes).flatten(1).sum(1)
