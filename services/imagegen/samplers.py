"""Samplers of discrete diffusion over diffusers' schedulers, one object a request, so that any steps share a forward.

DDIM: Song et al., 2020 (arXiv:2010.02502), eta 0. Euler (ancestral): Karras et al., 2022 (arXiv:2206.00364).
DPM-Solver++ 2M: Lu et al., 2022 (arXiv:2211.01095). DDPM: Ho et al., 2020 (arXiv:2006.11239).
UniPC: Zhao et al., 2023 (arXiv:2302.04867).
"""

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from diffusers.configuration_utils import FrozenDict

from imagegen.domain import Sampler
from imagegen.probability_flow import DiffusionPath
from imagegen.schedules import NoiseSchedule

MAX_STEPS = 1000

_CLASSES: dict[Sampler, type[Any]] = {
    Sampler.DDIM: DDIMScheduler,
    Sampler.EULER: EulerDiscreteScheduler,
    Sampler.EULER_ANCESTRAL: EulerAncestralDiscreteScheduler,
    Sampler.DPM_SOLVER_PP: DPMSolverMultistepScheduler,
    Sampler.DDPM: DDPMScheduler,
    Sampler.UNIPC: UniPCMultistepScheduler,
}
_OVERRIDES: dict[Sampler, dict[str, Any]] = {
    Sampler.DPM_SOLVER_PP: {"algorithm_type": "dpmsolver++", "solver_order": 2, "solver_type": "midpoint"},
}
_DEFAULT_OF_CLASS = {cls.__name__: sampler for sampler, cls in _CLASSES.items()}


def fresh_scheduler(prototype: Any) -> Any:
    """A diffusers scheduler with a state of its own; it shares the tensors of training, which none ever writes to."""
    shared = (value for value in vars(prototype).values() if isinstance(value, torch.Tensor | FrozenDict))
    return copy.deepcopy(prototype, {id(value): value for value in shared})


class DiffusionSchedule(NoiseSchedule):
    """A schedule of discrete diffusion, with a diffusers scheduler that is this request's own."""

    def __init__(self, scheduler: Any, steps: int, first_step: int, *, draws: bool) -> None:
        """Takes over `scheduler`, which no one else may use; `draws` tells whether its steps draw noise."""
        self._scheduler = scheduler
        self._draws = draws
        scheduler.set_timesteps(steps)
        # Trailing spacing can yield one timestep too many by rounding.
        self._timesteps: torch.Tensor = scheduler.timesteps[:steps]
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first_step)

    @property
    def step_count(self) -> int:
        """Steps of the whole schedule."""
        return len(self._timesteps)

    @property
    def initial_sigma(self) -> float:
        """Standard deviation of the sample that the first step expects."""
        return float(self._scheduler.init_noise_sigma)

    def timestep(self, step: int) -> float:
        """The timestep that the model is told at `step`."""
        return float(self._timesteps[step])

    def scale_input(self, sample: torch.Tensor, step: int) -> torch.Tensor:
        """The model's input for `sample` at `step`."""
        scaled: torch.Tensor = self._scheduler.scale_model_input(sample, self._timesteps[step])
        return scaled

    def step(
        self, prediction: torch.Tensor, step: int, sample: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Next sample and the estimate of the clean latent, float32 [n, c, h, w]."""
        noise = {"generator": list(generators)} if self._draws else {}
        output = self._scheduler.step(prediction, self._timesteps[step], sample, **noise)
        clean = getattr(output, "pred_original_sample", None)
        if clean is None:
            # The multistep solvers keep their data predictions as history instead of returning them.
            clean = self._scheduler.model_outputs[-1]
        return output.prev_sample, clean

    def add_noise(self, clean: torch.Tensor, noise: torch.Tensor, step: int) -> torch.Tensor:
        """`clean` noised to the level at which `step`, the next to be taken, starts."""
        timesteps = self._timesteps[step].repeat(len(clean))
        noisy: torch.Tensor = self._scheduler.add_noise(clean, noise, timesteps)
        return noisy


class SamplerBank:
    """The samplers of one discrete diffusion model, built from its pipeline's scheduler config."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config` is a diffusers scheduler config; its `_class_name` decides the default sampler."""
        default = _DEFAULT_OF_CLASS.get(str(config.get("_class_name")), Sampler.DDIM)
        self.samplers = (default, *(sampler for sampler in _CLASSES if sampler is not default))
        settings = {key: value for key, value in config.items() if not key.startswith("_")}
        self._prototypes = {
            sampler: _CLASSES[sampler].from_config(settings, **_OVERRIDES.get(sampler, {}))
            for sampler in self.samplers
        }
        self._draws = {
            sampler: "generator" in inspect.signature(prototype.step).parameters
            for sampler, prototype in self._prototypes.items()
        }
        self.max_steps = {sampler: self._probe_max_steps(sampler) for sampler in self.samplers}
        trained = self._prototypes[Sampler.DDPM]
        self.flow = DiffusionPath(trained.alphas_cumprod.tolist(), trained.config.prediction_type)

    def schedule(
        self, sampler: Sampler | None, steps: int, first_step: int = 0, cells: int = 1
    ) -> DiffusionSchedule:
        """A fresh schedule, of the default sampler for None; ValueError if it cannot take so many steps."""
        chosen = sampler or self.samplers[0]
        fresh = fresh_scheduler(self._prototypes[chosen])
        return DiffusionSchedule(fresh, steps, first_step, draws=self._draws[chosen])

    def _probe_max_steps(self, sampler: Sampler) -> int:
        """Most steps with distinct timesteps inside the training range; diffusers itself does not check."""
        trained = int(self._prototypes[sampler].config.num_train_timesteps)
        for steps in range(min(trained, MAX_STEPS), 0, -1):
            scheduler = fresh_scheduler(self._prototypes[sampler])
            scheduler.set_timesteps(steps)
            timesteps = scheduler.timesteps[:steps]
            if len(timesteps.unique()) == steps and float(timesteps.max()) < trained:
                return steps
        raise ValueError(f"sampler {sampler} accepts no number of steps")
