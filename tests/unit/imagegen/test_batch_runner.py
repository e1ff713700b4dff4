from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from imagegen.batch_runner import BatchRunner, Parts
from imagegen.denoising import DenoisingTask
from imagegen.device_meter import DeviceMeter
from imagegen.domain import ImageFormat, Pixels, SafetyPolicy, Sampler
from imagegen.events import RawImage, Safety, SafetyFlag
from imagegen.latent_tasks import DecodeTask
from imagegen.metrics import ImagegenMetrics
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import VaeModel
from imagegen.prompts import PromptCache
from imagegen.safety.base import SafetyChecker
from imagegen.safety.screen import Screen
from imagegen.scheduler import Batch, Slice
from imagegen.specs import DenoiseSpec, NoiseStart

SPEC = DenoiseSpec(
    "tiny", "a red dot", "", 16, 16, 3, 0, 1.0, Sampler.DDIM, (7,), 0, ImageFormat.PNG, NoiseStart()
)


@pytest.fixture
def tasks(pipeline: StableDiffusionModel, prompts: PromptCache) -> dict[int, DenoisingTask]:
    """Three requests of 1, 2 and 5 images."""
    return {
        number: DenoisingTask(number, pipeline, replace(SPEC, seeds=tuple(range(rows))), prompts)
        for number, rows in ((1, 1), (2, 2), (3, 5))
    }


def whole(tasks: dict[int, DenoisingTask]) -> Batch:
    slices = tuple(Slice(number, 0, 0, task.stage.rows) for number, task in tasks.items())
    return Batch(tasks[1].stage.key, slices, 8, 1.0)


def failing(passes: list[dict[int, int]], fails: Callable[[dict[int, int]], Exception | None]) -> BatchRunner:
    """A runner whose passes, rows by request, are noted, and fail as they are told to."""

    def denoise(parts: Parts) -> None:
        rows: dict[int, int] = {}
        for _, part in parts:
            rows[part.id] = rows.get(part.id, 0) + part.stop - part.start
        passes.append(rows)
        if error := fails(rows):
            raise error

    return BatchRunner(DeviceMeter(), denoise)


def test_a_pass_is_run_once(tasks: dict[int, DenoisingTask]) -> None:
    passes: list[dict[int, int]] = []
    ran = failing(passes, lambda _: None).run(whole(tasks), tasks)
    assert passes == [{1: 1, 2: 2, 3: 5}]
    assert (ran.size, ran.repeated, ran.failures, ran.exhausted) == ((16, 16), False, {}, [])


def test_out_of_memory_halves_until_it_fits(tasks: dict[int, DenoisingTask]) -> None:
    passes: list[dict[int, int]] = []

    def fails(rows: dict[int, int]) -> Exception | None:
        return torch.OutOfMemoryError() if sum(rows.values()) > 3 else None

    ran = failing(passes, fails).run(whole(tasks), tasks)
    assert passes == [
        {1: 1, 2: 2, 3: 5},
        {1: 1, 2: 2, 3: 1},
        {1: 1, 2: 1},
        {2: 1, 3: 1},
        {3: 4},
        {3: 2},
        {3: 2},
    ]
    assert (ran.failures, ran.exhausted, ran.repeated) == ({}, [8, 4, 4], True)


def test_only_who_cannot_fit_alone_fails(tasks: dict[int, DenoisingTask]) -> None:
    passes: list[dict[int, int]] = []

    def fails(rows: dict[int, int]) -> Exception | None:
        return torch.OutOfMemoryError() if 3 in rows else None

    ran = failing(passes, fails).run(whole(tasks), tasks)
    assert set(ran.failures) == {3}
    done: dict[int, int] = {}
    for rows in passes:
        if 3 not in rows:
            done = {number: done.get(number, 0) + rows.get(number, 0) for number in (1, 2)}
    assert done == {1: 1, 2: 2}
    # The first of its rows that failed alone was the last that was tried.
    assert sum(rows == {3: 1} for rows in passes) == 1


def test_another_failure_is_looked_for_request_by_request(tasks: dict[int, DenoisingTask]) -> None:
    passes: list[dict[int, int]] = []
    ran = failing(passes, lambda rows: ZeroDivisionError() if 2 in rows else None).run(whole(tasks), tasks)
    assert passes == [{1: 1, 2: 2, 3: 5}, {1: 1}, {2: 2}, {3: 5}]
    assert isinstance(ran.failures[2], ZeroDivisionError) and len(ran.failures) == 1


def test_a_failed_pass_is_not_kept_alive_while_it_is_repeated(tasks: dict[int, DenoisingTask]) -> None:
    alive: list[bool] = []
    held: list[object] = []

    class Tensors:
        def __del__(self) -> None:
            held.clear()

    def denoise(parts: Parts) -> None:
        alive.append(bool(held))
        if len(alive) == 1:
            tensors = Tensors()
            held.append("memory")
            assert tensors is not None
            raise torch.OutOfMemoryError

    BatchRunner(DeviceMeter(), denoise).run(whole(tasks), tasks)
    assert alive == [False, False, False]


def test_images_are_judged_and_a_filter_that_fails_harms_its_own_request(
    vae: VaeModel, metrics: ImagegenMetrics
) -> None:
    class Chooser(SafetyChecker):
        def check(self, images: Sequence[Pixels]) -> list[tuple[SafetyFlag, ...]]:
            if len(images) > 1:
                raise ArithmeticError
            return [(SafetyFlag("all", 1.0),)]

    screen = Screen(SafetyPolicy.FLAG, metrics)
    screen.checker = Chooser()
    latents = list(np.zeros((2, 4, 8, 8), np.float32))
    tasks = {1: DecodeTask(1, vae, latents), 2: DecodeTask(2, vae, latents[:1])}
    runner = BatchRunner(DeviceMeter(), screen=screen)
    with torch.inference_mode():
        failed, judged = (
            runner.run(Batch(task.stage.key, (Slice(number, 0, 0, 1),), 1, 1.0), tasks)
            for number, task in tasks.items()
        )
    assert isinstance(failed.failures[1], ArithmeticError) and not failed.events
    (image,) = judged.events[2]
    assert isinstance(image, RawImage) and image.safety == Safety((SafetyFlag("all", 1.0),), withheld=False)
