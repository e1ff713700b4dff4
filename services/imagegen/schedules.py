"""The noise levels of one run and its sampler's state, as the task that takes the steps sees them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch

from imagegen.domain import Sampler
from imagegen.probability_flow import FlowPath


class NoiseSchedule(ABC):
    """One request's schedule; no one else may use it. Steps count from 0 and are taken in order."""

    @property
    @abstractmethod
    def step_count(self) -> int:
        """Steps of the whole schedule."""

    @property
    @abstractmethod
    def initial_sigma(self) -> float:
        """Standard deviation of the sample that the first step expects."""

    @abstractmethod
    def timestep(self, step: int) -> float:
        """The timestep that the model is told at `step`."""

    @abstractmethod
    def scale_input(self, sample: torch.Tensor, step: int) -> torch.Tensor:
        """The model's input for `sample` at `step`; some samplers keep samples on another scale."""

    @abstractmethod
    def step(
        self, prediction: torch.Tensor, step: int, sample: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Next sample and the estimate of the clean latent, from the model's prediction; float32 [n, c, h, w].

        Stochastic samplers draw row i's noise from generators[i].
        """

    @abstractmethod
    def add_noise(self, clean: torch.Tensor, noise: torch.Tensor, step: int) -> torch.Tensor:
        """`clean` noised to the level at which `step`, the next to be taken, starts."""


class Samplers(Protocol):
    """The samplers of one model, and how many steps each can take."""

    @property
    def samplers(self) -> tuple[Sampler, ...]:
        """The default first."""

    @property
    def max_steps(self) -> Mapping[Sampler, int]:
        """Most steps by sampler."""

    @property
    def flow(self) -> FlowPath:
        """The noise levels of the model's probability-flow ODE."""

    def schedule(
        self, sampler: Sampler | None, steps: int, first_step: int = 0, cells: int = 1
    ) -> NoiseSchedule:
        """A fresh schedule, of the default sampler for None; ValueError if it cannot take so many steps.

        `cells` counts a latent's, h x w.
        """


class OneStep(NoiseSchedule):
    """The schedule of a model that maps noise to latents at once."""

    step_count = 1
    initial_sigma = 1.0

    def timestep(self, step: int) -> float:
        """There are no times."""
        return 0.0

    def scale_input(self, sample: torch.Tensor, step: int) -> torch.Tensor:
        """The noise as it is."""
        return sample

    def step(
        self, prediction: torch.Tensor, step: int, sample: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The prediction is the latent."""
        return prediction, prediction

    def add_noise(self, clean: torch.Tensor, noise: torch.Tensor, step: int) -> torch.Tensor:
        """The only step starts from noise alone."""
        return noise
