"""Strict mode: a seed's bytes are the same whoever shares its batches. Without it, images agree closely."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from imagegen.denoising import DenoisingTask, forward
from imagegen.domain import ImageFormat, Pixels, Sampler
from imagegen.events import RawImage
from imagegen.images import write
from imagegen.models.passes import FixedPasses, Passes
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.prompts import PromptCache
from imagegen.scheduler import Entry, Scheduler
from imagegen.specs import DenoiseSpec, ImageStart, NoiseStart

SPEC = DenoiseSpec(
    "tiny", "a red dot", "", 16, 16, 3, 0, 4.0, Sampler.DDIM, (1,), 0, ImageFormat.PNG, NoiseStart()
)
PICTURE = np.random.default_rng(3).integers(0, 256, (16, 16, 3), dtype=np.uint8)
MASK = np.pad(np.ones((7, 9), dtype=bool), ((3, 6), (5, 2)))
ODD = replace(SPEC, width=14, height=10)  # 7 x 5 cells: rows that fill no vector register evenly
SPECS = (
    SPEC,
    replace(SPEC, sampler=Sampler.EULER, steps=2, guidance_scale=1.0, prompt="x"),
    replace(SPEC, sampler=Sampler.EULER_ANCESTRAL, steps=4, guidance_scale=7.0, negative_prompt="blue"),
    replace(SPEC, sampler=Sampler.DPM_SOLVER_PP, steps=3, preview_every_steps=1),
    replace(SPEC, sampler=Sampler.UNIPC, steps=3, guidance_scale=2.0),
    replace(SPEC, sampler=Sampler.DDPM, steps=2, guidance_scale=1.0),
    replace(SPEC, sampler=Sampler.EULER_ANCESTRAL, steps=4, first_step=1, start=ImageStart(PICTURE, None)),
    replace(SPEC, steps=3, first_step=1, start=ImageStart(PICTURE, MASK)),
    replace(ODD, sampler=Sampler.EULER_ANCESTRAL, steps=2),
    replace(ODD, sampler=Sampler.DPM_SOLVER_PP, guidance_scale=1.0),
)
SEEDS = (1, 2, 3)

# Makes the task of a request by its id and spec.
Start = Callable[[int, DenoiseSpec], DenoisingTask]
# An image and the latent that it was decoded from, which shows what rounding to 8 bits hides.
Drawn = tuple[Pixels, torch.Tensor]
# What became of a request: which of SPECS it was, with which seeds, and what was drawn.
Result = tuple[int, tuple[int, ...], list[Drawn]]


def interleave(
    start: Start, choose: random.Random, wanted: Sequence[tuple[int, tuple[int, ...]]]
) -> list[Result]:
    """Have requests join, share passes, leave and be cancelled at random; those that got to their end."""
    scheduler = Scheduler(max_batch_rows=choose.randint(1, 6), max_running_rows=8, max_waiting=len(wanted))
    tasks: list[DenoisingTask] = []
    images: list[list[Pixels]] = []
    results = []
    while len(tasks) < len(wanted) or not scheduler.idle:
        while len(tasks) < len(wanted) and (scheduler.idle or choose.random() < 0.5):
            which, seeds = wanted[len(tasks)]
            task = start(len(tasks), replace(SPECS[which], seeds=seeds))
            scheduler.submit(Entry(len(tasks), task.stage, choose.randint(-1, 1)))
            tasks.append(task)
            images.append([])
        if len(wanted) > 1 and choose.random() < 0.1:
            scheduler.cancel(choose.randrange(len(tasks)))
        for request in scheduler.admit(0.0).started:
            tasks[request].begin()
        batch = scheduler.next_batch()
        if batch is None:
            continue
        if batch.key.owner is None:
            forward([(tasks[part.id], part) for part in batch.slices])
        else:
            for part in batch.slices:
                images[part.id] += [
                    e.pixels for e in tasks[part.id].run(part.step) if isinstance(e, RawImage)
                ]
        for done in scheduler.complete(batch, choose.random()):
            task = tasks[done.id]
            if task.phase == "denoise":
                task.advance(done.step)
            stage = task.next_stage() if done.stage_done else task.stage
            if stage is None:
                scheduler.remove(done.id)
                results.append((*wanted[done.id], list(zip(images[done.id], task._sample, strict=True))))
            elif done.stage_done:
                scheduler.continue_with(done.id, stage)
    return results


def compare(start: Start, interleavings: range, same: Callable[[Drawn, Drawn], bool]) -> int:
    """Check every image of the interleavings against that of its seed alone; how many there were."""

    @cache
    def alone(which: int, seed: int) -> Drawn:
        ((_, _, (drawn,)),) = interleave(start, random.Random(0), [(which, (seed,))])
        return drawn

    count = 0
    with torch.inference_mode():
        for number in interleavings:
            choose = random.Random(number)
            wanted = [
                (choose.randrange(len(SPECS)), tuple(choose.choices(SEEDS, k=choose.choice((1, 1, 2, 3)))))
                for _ in range(choose.randint(2, 5))
            ]
            for which, seeds, every in interleave(start, choose, wanted):
                for seed, drawn in zip(seeds, every, strict=True):
                    assert same(drawn, alone(which, seed)), (number, which, seed)
                    count += 1
    return count


def to_the_bit(first: Drawn, second: Drawn) -> bool:
    files = [write(image, ImageFormat.PNG) for image, _ in (first, second)]
    return files[0] == files[1] and torch.equal(first[1], second[1])


def closely(first: Drawn, second: Drawn) -> bool:
    levels = np.abs(first[0].astype(int) - second[0].astype(int))
    return int(levels.max()) <= 1 and torch.allclose(first[1], second[1], atol=1e-3)


@pytest.fixture
def start_with(pipeline: StableDiffusionModel, prompts: PromptCache):  # type: ignore[no-untyped-def]
    def make(passes: Passes) -> Start:
        return lambda request, spec: DenoisingTask(request, pipeline, spec, prompts, passes=passes)

    return make


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_a_seed_gives_the_same_bytes_in_any_company(start_with, rows: int) -> None:  # type: ignore[no-untyped-def]
    assert compare(start_with(FixedPasses(rows)), range(25), to_the_bit) > 50


@pytest.mark.slow
@pytest.mark.parametrize("lot", range(20))
def test_a_seed_gives_the_same_bytes_in_a_thousand_companies(start_with, lot: int) -> None:  # type: ignore[no-untyped-def]
    assert compare(start_with(FixedPasses(4)), range(50 * lot, 50 * (lot + 1)), to_the_bit) > 100


def test_without_strict_mode_images_agree_closely(start_with) -> None:  # type: ignore[no-untyped-def]
    assert compare(start_with(Passes()), range(25), closely) > 50
