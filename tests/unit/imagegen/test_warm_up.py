import copy
import itertools
import sys
from collections.abc import Callable

import pytest
import torch
from imagegen.batch_runner import BatchRunner, Parts
from imagegen.denoising import forward
from imagegen.device_meter import DeviceMeter
from imagegen.models.base import DiffusionModel, ModelInput
from imagegen.models.passes import Passes
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import VaeModel
from imagegen.registry import ModelRegistry
from imagegen.scheduler import StageKey
from imagegen.step_profile import StepProfile
from imagegen.validation import Limits
from imagegen.warm_up import WarmUp

KEY = StageKey("tiny", 8, 8)


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def warmed(vae: VaeModel) -> Callable[..., tuple[StepProfile, list[int]]]:
    """The profile after a warm-up, and the rows of each pass; a pass takes a second for every four rows begun."""

    def run(
        *models: DiffusionModel, max_rows: int = 8, seconds: float = 1e6
    ) -> tuple[StepProfile, list[int]]:
        clock, passes, profile = Clock(), list[int](), StepProfile()

        def denoise(parts: Parts) -> None:
            rows = sum((part.stop - part.start) * task.stage.evaluations for task, part in parts)
            passes.append(rows)
            clock.now += -(-rows // 4)
            forward(parts)

        runner = BatchRunner(DeviceMeter(clock=clock), denoise)
        warm_up = WarmUp(runner, profile, Limits(), Passes(), max_rows=max_rows, seconds=seconds, clock=clock)
        with torch.inference_mode():
            warm_up.run(ModelRegistry([*models, vae]))
        return profile, passes

    return run


def test_steps_are_measured_up_to_the_most_rows(
    warmed: Callable[..., tuple[StepProfile, list[int]]], pipeline: StableDiffusionModel
) -> None:
    profile, passes = warmed(pipeline, max_rows=6)
    # With guidance, a model's default, an image is two rows.
    assert [rows for rows, _ in itertools.groupby(passes)] == [2, 4, 8, 12]
    assert profile.seconds(KEY, 12) == 3.0
    assert profile.max_evaluations(KEY) == 4  # more rows are no faster


def test_time_bounds_it(
    warmed: Callable[..., tuple[StepProfile, list[int]]], pipeline: StableDiffusionModel
) -> None:
    profile, passes = warmed(pipeline, seconds=0.5)
    assert passes == [2]
    assert profile.seconds(KEY, 2) == 1.0
    # Of more rows the first pass alone would tell too little.
    assert warmed(pipeline, seconds=8.0)[1] == [2, 2, 2, 4, 4, 4]
    profile, passes = warmed(pipeline, seconds=12.0)
    assert passes == [2, 2, 2, 4, 4, 4, 8, 8, 8]
    assert profile.max_evaluations(KEY) == sys.maxsize  # sixteen rows might have been better


def test_every_family_can_be_measured(
    warmed: Callable[..., tuple[StepProfile, list[int]]], families: dict[str, DiffusionModel]
) -> None:
    profile, _ = warmed(*families.values(), max_rows=1)
    for name, model in families.items():
        _, height, width = model.description.latent_shape
        assert profile.seconds(StageKey(name, height, width), 1) is not None


def test_memory_bounds_it(
    warmed: Callable[..., tuple[StepProfile, list[int]]], pipeline: StableDiffusionModel
) -> None:
    class SmallMemory(StableDiffusionModel):
        def predict(self, rows: ModelInput) -> torch.Tensor:
            if len(rows.latents) > 4:
                raise torch.OutOfMemoryError("out of memory")
            return super().predict(rows)

    small = copy.copy(pipeline)
    small.__class__ = SmallMemory
    profile, passes = warmed(small)
    assert profile.max_evaluations(KEY) == 4
    assert passes[-3:] == [8, 4, 4]
