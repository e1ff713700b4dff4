"""Euler's method on the straight paths of flow matching: Lipman et al., 2022 (arXiv:2210.02747) and Esser et al.,
2024 (arXiv:2403.03206). A sample at level sigma is (1 - sigma) clean + sigma noise; models predict noise - clean.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from imagegen.domain import Sampler
from imagegen.probability_flow import StraightPath
from imagegen.samplers import MAX_STEPS, fresh_scheduler
from imagegen.schedules import NoiseSchedule


class FlowSchedule(NoiseSchedule):
    """A schedule of flow matching, with a diffusers scheduler that is this request's own."""

    initial_sigma = 1.0

    def __init__(self, scheduler: Any, steps: int, first_step: int, **levels: Any) -> None:
        """Takes over `scheduler`, which no one else may use; `levels` go to its `set_timesteps`."""
        self._scheduler = scheduler
        scheduler.set_timesteps(steps, **levels)
        scheduler.set_begin_index(first_step)

    @property
    def step_count(self) -> int:
        """Steps of the whole schedule."""
        return len(self._scheduler.timesteps)

    def timestep(self, step: int) -> float:
        """The timestep that the model is told at `step`: sigma times the training steps."""
        return float(self._scheduler.timesteps[step])

    def scale_input(self, sample: torch.Tensor, step: int) -> torch.Tensor:
        """The sample as it is."""
        return sample

    def step(
        self, prediction: torch.Tensor, step: int, sample: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Next sample and the estimate of the clean latent, float32 [n, c, h, w], from the velocity."""
        output = self._scheduler.step(prediction, self._scheduler.timesteps[step], sample)
        return output.prev_sample, sample - self._scheduler.sigmas[step] * prediction

    def add_noise(self, clean: torch.Tensor, noise: torch.Tensor, step: int) -> torch.Tensor:
        """`clean` noised to the level at which `step`, the next to be taken, starts."""
        return torch.lerp(clean, noise, self._scheduler.sigmas[step].to(clean.device))


class FlowSamplerBank:
    """The sampler of one flow-matching model, built from its pipeline's scheduler config."""

    samplers = (Sampler.FLOW_MATCH_EULER,)
    max_steps: Mapping[Sampler, int] = {Sampler.FLOW_MATCH_EULER: MAX_STEPS}

    def __init__(self, config: Mapping[str, Any], *, token_cells: int = 1, even_sigmas: bool = False) -> None:
        """`config` is that of a FlowMatchEulerDiscreteScheduler. ValueError for options that are not supported.

        A model's token is `token_cells` latent cells. With `even_sigmas` levels fall from 1 to 1 / steps before they
        are shifted; the scheduler's own end at 1 / 1000, shifted.
        """
        for option in ("stochastic_sampling", "invert_sigmas", "shift_terminal"):
            if config.get(option):
                raise ValueError(f"its scheduler's {option} is not supported")
        self._token_cells, self._even_sigmas = token_cells, even_sigmas
        settings = {key: value for key, value in config.items() if not key.startswith("_")}
        self._prototype: Any = FlowMatchEulerDiscreteScheduler.from_config(settings)
        lowest = float(self._prototype.sigmas[-1])  # not scheduled yet, it has the levels of training
        self.flow = StraightPath(lowest, int(self._prototype.config.num_train_timesteps))

    def schedule(
        self, sampler: Sampler | None, steps: int, first_step: int = 0, cells: int = 1
    ) -> FlowSchedule:
        """A fresh schedule; with dynamic shifting it leans to noise as an image of `cells` latent cells needs it."""
        levels: dict[str, Any] = {}
        if self._even_sigmas:
            levels["sigmas"] = np.linspace(1.0, 1.0 / steps, steps)
        if self._prototype.config.use_dynamic_shifting:
            levels["mu"] = _log_shift(self._prototype.config, cells // self._token_cells)
        return FlowSchedule(fresh_scheduler(self._prototype), steps, first_step, **levels)


def _log_shift(config: Any, tokens: int) -> float:
    """Logarithm of the shift, linear in an image's tokens, as the pipelines compute it (Esser et al., 5.3.2)."""
    slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
    return float(config.base_shift + slope * (tokens - config.base_image_seq_len))
