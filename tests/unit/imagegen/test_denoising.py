from dataclasses import replace

import numpy as np
import pytest
import torch
from imagegen.denoising import DenoisingTask, forward
from imagegen.domain import ImageFormat, InterpolationMethod, Pixels, Sampler
from imagegen.events import DeviceEvent, Progress, RawImage, RawPreview
from imagegen.models.base import DiffusionModel
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.pixels import to_images, to_tensor
from imagegen.prompts import PromptCache
from imagegen.scheduler import Slice
from imagegen.specs import DenoiseSpec, ImageStart, NoiseStart, WalkStart

SPEC = DenoiseSpec(
    "tiny", "a red dot", "", 16, 16, 4, 0, 4.0, Sampler.DDIM, (7,), 0, ImageFormat.PNG, NoiseStart()
)
# Those of discrete diffusion.
SAMPLERS = [sampler for sampler in Sampler if sampler is not Sampler.FLOW_MATCH_EULER]
PICTURE = np.random.default_rng(3).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def run(*tasks: DenoisingTask) -> list[list[DeviceEvent]]:
    """Denoise in lockstep batches, each task leaving when it is done, then decode."""
    events: list[list[DeviceEvent]] = [[] for _ in tasks]
    with torch.inference_mode():
        for task in tasks:
            task.begin()
        for step in range(max(task.stage.steps for task in tasks)):
            parts = [
                (task, Slice(i, step, 0, task.stage.rows))
                for i, task in enumerate(tasks)
                if step < task.stage.steps
            ]
            forward(parts)
            for task, part in parts:
                events[part.id] += task.advance(step + 1)
        for i, task in enumerate(tasks):
            stage = task.next_stage()
            assert stage is not None and task.phase == "decode"
            for chunk in range(stage.steps):
                events[i] += task.run(chunk)
            assert task.next_stage() is None
    return events


def images(events: list[DeviceEvent]) -> list[Pixels]:
    return [event.pixels for event in events if isinstance(event, RawImage)]


def difference(first: Pixels, second: Pixels) -> int:
    return int(np.abs(first.astype(int) - second.astype(int)).max())


@pytest.fixture
def task(pipeline: StableDiffusionModel, prompts: PromptCache):  # type: ignore[no-untyped-def]
    def make(**changes: object) -> DenoisingTask:
        return DenoisingTask(1, pipeline, replace(SPEC, **changes), prompts)  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_neighbours_change_nothing(task, sampler: Sampler) -> None:  # type: ignore[no-untyped-def]
    alone = images(run(task(sampler=sampler, seeds=(8,)))[0])[0]
    others = [task(prompt="x", guidance_scale=1.0, steps=2), task(steps=6, sampler=Sampler.EULER_ANCESTRAL)]
    batch = run(others[0], task(sampler=sampler, seeds=(7, 8, 9)), others[1])
    together = images(batch[1])
    assert difference(together[1], alone) <= 1
    assert difference(together[0], alone) > 20


def test_prompt_and_guidance_and_negative_prompt_matter(task) -> None:  # type: ignore[no-untyped-def]
    plain = images(run(task())[0])[0]
    for changes in ({"prompt": "a blue dot"}, {"guidance_scale": 1.0}, {"negative_prompt": "blue, dark"}):
        assert difference(images(run(task(**changes))[0])[0], plain) > 2, changes


def test_guidance_up_to_one_is_off(task) -> None:  # type: ignore[no-untyped-def]
    off = images(run(task(guidance_scale=0.0, negative_prompt="x"))[0])[0]
    assert difference(images(run(task(guidance_scale=1.0))[0])[0], off) == 0


def test_a_batch_may_be_split_by_rows(task) -> None:  # type: ignore[no-untyped-def]
    whole = images(run(task(seeds=(1, 2, 3), steps=2))[0])
    split = task(seeds=(1, 2, 3), steps=2)
    with torch.inference_mode():
        split.begin()
        for step in range(2):
            for start, stop in ((0, 2), (2, 3)):
                forward([(split, Slice(1, step, start, stop))])
            split.advance(step + 1)
        split.next_stage()
        pieces = images(split.run(0))
    assert all(difference(a, b) <= 1 for a, b in zip(whole, pieces, strict=True))


def test_progress_every_step_and_previews_every_so_many(task) -> None:  # type: ignore[no-untyped-def]
    events = run(task(steps=5, preview_every_steps=2, seeds=(1, 2)))[0]
    assert [event for event in events if isinstance(event, Progress)] == [Progress(i, 5) for i in range(1, 6)]
    previews = [event for event in events if isinstance(event, RawPreview)]
    assert [(event.index, event.step) for event in previews] == [(0, 2), (1, 2), (0, 4), (1, 4)]
    assert previews[0].pixels.shape == (8, 8, 3)


def test_edit_keeps_more_of_the_image_the_weaker_it_is(  # type: ignore[no-untyped-def]
    task, pipeline: StableDiffusionModel
) -> None:
    with torch.inference_mode():
        kept = to_images(pipeline.decode(pipeline.encode(to_tensor([PICTURE]))))[0].astype(float)
    distances = []
    for first_step in (9, 8, 6):
        edited = images(run(task(steps=10, first_step=first_step, start=ImageStart(PICTURE, None)))[0])[0]
        distances.append(np.abs(edited - kept).mean())
    assert distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_inpainting_changes_only_what_is_white(task, sampler: Sampler) -> None:  # type: ignore[no-untyped-def]
    mask = np.zeros((16, 16), dtype=bool)
    mask[3:11, 5:14] = True
    start = ImageStart(PICTURE, mask)
    edited = images(run(task(steps=6, first_step=1, sampler=sampler, start=start))[0])[0]
    assert np.array_equal(edited[~mask], PICTURE[~mask])
    assert not np.array_equal(edited[mask], PICTURE[mask])


def test_inpainting_puts_the_noised_original_back_after_every_step(task) -> None:  # type: ignore[no-untyped-def]
    mask = np.zeros((16, 16), dtype=bool)
    mask[4:12, 4:12] = True
    edit = task(steps=3, start=ImageStart(PICTURE, mask))
    with torch.inference_mode():
        edit.begin()
        for step in range(3):
            forward([(edit, Slice(1, step, 0, 1))])
            edit.advance(step + 1)
            level = edit._clean if step == 2 else edit._schedule.add_noise(edit._clean, edit._noise, step + 1)
            keep = ~edit._mask.expand_as(level)
            assert torch.equal(edit._sample[keep], level[keep])
            assert not torch.equal(edit._sample[~keep], level[~keep])


def test_inpainting_looks_at_its_surroundings(task) -> None:  # type: ignore[no-untyped-def]
    mask = np.zeros((16, 16), dtype=bool)
    mask[4:12, 4:12] = True
    edits = []
    for value in (0, 255):
        around = np.full((16, 16, 3), value, dtype=np.uint8)
        edits.append(images(run(task(steps=6, start=ImageStart(around, mask)))[0])[0])
    assert difference(edits[0][mask], edits[1][mask]) > 2


@pytest.mark.parametrize("sampler", [Sampler.DDIM, Sampler.DDPM])
def test_a_walk_begins_and_ends_at_the_images_of_its_seeds(task, sampler: Sampler) -> None:  # type: ignore[no-untyped-def]
    start = WalkStart("a blue dot", InterpolationMethod.SLERP)
    frames = images(run(task(seeds=(3, 3, 4, 4), start=start, sampler=sampler))[0])
    first = images(run(task(seeds=(3,), sampler=sampler))[0])[0]
    last = images(run(task(seeds=(4,), prompt="a blue dot", sampler=sampler))[0])[0]
    assert difference(frames[0], first) <= 1
    assert difference(frames[-1], last) <= 1
    assert difference(frames[1], first) > 2


# What each family takes: a prompt, another, and the sampler of its run.
FAMILIES = {
    "inpainting": ("a red dot", "blue", Sampler.EULER),
    "sdxl": ("a red dot", "blue", Sampler.DPM_SOLVER_PP),
    "flux": ("a red dot", "blue", Sampler.FLOW_MATCH_EULER),
    "sd3": ("a red dot", "blue", Sampler.FLOW_MATCH_EULER),
    "dit": ("goldfish", "tench", Sampler.UNIPC),
    "ddpm": ("", "", Sampler.DDIM),
    "gan": ("red circle", "green ring", None),
}


@pytest.fixture
def of(families: dict[str, DiffusionModel], prompts: PromptCache):  # type: ignore[no-untyped-def]
    def make(name: str, **changes: object) -> DenoisingTask:
        prompt, _, sampler = FAMILIES[name]
        spec = replace(SPEC, model=name, prompt=prompt, sampler=sampler, steps=4 if sampler else 1)
        return DenoisingTask(1, families[name], replace(spec, **changes), prompts)  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("name", FAMILIES)
def test_neighbours_of_the_same_family_change_nothing(of, name: str) -> None:  # type: ignore[no-untyped-def]
    _, other, sampler = FAMILIES[name]
    alone = images(run(of(name, seeds=(8,)))[0])[0]
    neighbour = of(name, prompt=other, guidance_scale=1.0, truncation=0.2, steps=6 if sampler else 1)
    together = images(run(neighbour, of(name, seeds=(7, 8, 9)))[1])
    assert difference(together[1], alone) <= 1
    assert difference(together[0], alone) > 5


@pytest.mark.parametrize("name", FAMILIES)
def test_walks_of_every_family_begin_and_end_at_their_seeds(of, name: str) -> None:  # type: ignore[no-untyped-def]
    _, other, _ = FAMILIES[name]
    start = WalkStart(other, InterpolationMethod.SLERP)
    frames = images(run(of(name, seeds=(3, 3, 3, 4, 4), start=start))[0])
    first = images(run(of(name, seeds=(3,)))[0])[0]
    last = images(run(of(name, seeds=(4,), prompt=other))[0])[0]
    assert difference(frames[0], first) <= 1
    assert difference(frames[-1], last) <= 1
    assert min(difference(frames[2], frame) for frame in (first, last)) > 2


def test_frames_take_the_class_of_their_nearer_end(of) -> None:  # type: ignore[no-untyped-def]
    for seeds, classes in (((3, 3, 4, 4), [1, 1, 0, 0]), ((3, 3, 3, 4, 4), [1, 1, 1, 0, 0])):
        walk = of("dit", seeds=seeds, start=WalkStart("tench", InterpolationMethod.SLERP))
        with torch.inference_mode():
            walk.begin()
        assert walk._conditional[0].tolist() == classes


def test_truncation_is_the_requests_own(of) -> None:  # type: ignore[no-untyped-def]
    tasks = [of("gan", seeds=(1, 2), truncation=psi) for psi in (0.0, 0.5, 1.0)]
    average, half, full = (images(events) for events in run(*tasks))
    assert np.array_equal(average[0], average[1])
    assert 0 < difference(half[0], half[1]) < difference(full[0], full[1])
    events = run(of("gan", seeds=(1, 2), preview_every_steps=1))[0]
    assert [event for event in events if not isinstance(event, RawImage)] == [Progress(1, 1)]


@pytest.mark.parametrize("name", ["sdxl", "inpainting", "sd3", "flux", "dit", "ddpm"])
def test_families_edit_and_inpaint(of, families: dict[str, DiffusionModel], name: str) -> None:  # type: ignore[no-untyped-def]
    model = families[name]
    with torch.inference_mode():
        kept = to_images(model.decode(model.encode(to_tensor([PICTURE]))))[0].astype(float)
    distances = []
    for first_step in (9, 8, 6):
        # Guided random networks run far out of the range of pixels.
        start = ImageStart(PICTURE, None)
        edit = of(name, steps=10, first_step=first_step, guidance_scale=1.0, start=start)
        distances.append(np.abs(images(run(edit)[0])[0] - kept).mean())
    assert distances[0] < distances[1] < distances[2]
    mask = np.zeros((16, 16), dtype=bool)
    mask[3:11, 5:14] = True
    inpainted = images(run(of(name, steps=6, first_step=1, start=ImageStart(PICTURE, mask)))[0])[0]
    assert np.array_equal(inpainted[~mask], PICTURE[~mask])
    assert not np.array_equal(inpainted[mask], PICTURE[mask])


def test_previews_of_pixels_come_near_the_image(of) -> None:  # type: ignore[no-untyped-def]
    events = run(of("ddpm", steps=20, preview_every_steps=1))[0]
    previews = [event.pixels.astype(float) for event in events if isinstance(event, RawPreview)]
    image = images(events)[0].astype(float)
    assert previews[0].shape == image.shape
    assert np.abs(previews[-1] - image).mean() < np.abs(previews[0] - image).mean()
