import math

import numpy as np
import pytest
import torch
from imagegen.domain import InterpolationMethod, Pixels
from imagegen.events import DeviceEvent, Progress, RawBound, RawImage, RawLatent
from imagegen.latent_tasks import DecodeTask, EncodeTask, ScoreTask, WalkTask
from imagegen.models.vae import VaeModel
from imagegen.tasks import Task, chunk_count, rows_per_chunk

RANDOM = np.random.default_rng(0)
PICTURES = list(RANDOM.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8))


def run(task: Task) -> list[DeviceEvent]:
    with torch.inference_mode():
        task.begin()
        events = [event for step in range(task.stage.steps) for event in task.run(step)]
    assert task.next_stage() is None
    return events


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagegen.tasks.CHUNK_PIXELS", 2 * 16 * 16)


def test_chunks_cover_all_rows() -> None:
    assert rows_per_chunk(1024 * 1024) == 1
    assert rows_per_chunk(4096 * 4096) == 1
    assert chunk_count(5, 512 * 512) == 2


def latents(events: list[DeviceEvent]) -> list[np.ndarray]:  # type: ignore[type-arg]
    assert [event.index for event in events if isinstance(event, RawLatent)] == list(range(len(events)))
    return [event.latent for event in events if isinstance(event, RawLatent)]


def test_encoding_in_chunks_is_encoding(vae: VaeModel, small_chunks: None) -> None:
    task = EncodeTask(1, vae, PICTURES, None)
    assert task.stage.steps == 3
    alone = latents(run(EncodeTask(1, vae, PICTURES[3:4], None)))[0]
    together = latents(run(task))
    assert together[3] == pytest.approx(alone, abs=1e-4)
    assert together[0].shape == (4, 8, 8)


def test_draws_differ_by_seed_and_scatter_around_the_mean(vae: VaeModel) -> None:
    mean = latents(run(EncodeTask(1, vae, PICTURES[:1], None)))[0]
    one, same, other = (latents(run(EncodeTask(1, vae, PICTURES[:1], [seed])))[0] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, mean)


def test_decoding_in_chunks_is_decoding(vae: VaeModel, small_chunks: None) -> None:
    points = [RANDOM.normal(size=(4, 8, 8)).astype(np.float32) for _ in range(5)]
    together = [event.pixels for event in run(DecodeTask(1, vae, points)) if isinstance(event, RawImage)]
    (alone,) = (event.pixels for event in run(DecodeTask(1, vae, points[4:])) if isinstance(event, RawImage))
    assert np.abs(together[4].astype(int) - alone.astype(int)).max() <= 1
    assert not np.array_equal(together[0], together[4])


def frames(events: list[DeviceEvent]) -> list[Pixels]:
    return [event.pixels for event in events if isinstance(event, RawImage)]


def test_walk_from_an_image_to_a_latent(vae: VaeModel, small_chunks: None) -> None:
    end = RANDOM.normal(size=(4, 8, 8)).astype(np.float32)
    walk = WalkTask(1, vae, (PICTURES[0], end), (16, 16), 5, InterpolationMethod.LINEAR)
    events = run(walk)
    assert [event for event in events if isinstance(event, Progress)] == [Progress(i, 3) for i in (1, 2, 3)]
    start = latents(run(EncodeTask(1, vae, PICTURES[:1], None)))[0]
    expected = frames(run(DecodeTask(1, vae, [start, (start + end) / 2, end])))
    for frame, wanted in zip(frames(events)[::2], expected, strict=True):
        assert np.abs(frame.astype(int) - wanted.astype(int)).max() <= 1


def bounds(events: list[DeviceEvent]) -> list[RawBound]:
    return [event for event in events if isinstance(event, RawBound)]


def test_bound_is_its_parts(vae: VaeModel, small_chunks: None) -> None:
    first, second = bounds(run(ScoreTask(1, vae, PICTURES[:2], samples=5, seed=3)))
    assert (first.index, second.index) == (0, 1)
    bound = first.bound
    assert bound.elbo == pytest.approx(bound.reconstruction - bound.kl_divergence)
    assert bound.kl_divergence >= 0 and bound.elbo < 0
    assert bound.bits_per_dimension == pytest.approx(-bound.elbo / math.log(2) / (16 * 16 * 3))
    assert bound.standard_error > 0


def test_bound_is_the_images_own(vae: VaeModel) -> None:
    together = bounds(run(ScoreTask(1, vae, PICTURES[:3], samples=4, seed=0)))
    alone = bounds(run(ScoreTask(1, vae, PICTURES[2:3], samples=4, seed=0)))
    assert together[2].bound.elbo == pytest.approx(alone[0].bound.elbo, rel=1e-5)
    assert together[0].bound.elbo != together[2].bound.elbo


def test_one_draw_has_no_error_and_more_draws_a_smaller_one(vae: VaeModel) -> None:
    errors = [
        bounds(run(ScoreTask(1, vae, PICTURES[:1], samples=n, seed=0)))[0].bound.standard_error
        for n in (1, 4, 64)
    ]
    assert errors[0] == 0
    assert errors[1] > errors[2] > 0


def test_noise_is_less_likely_than_what_the_model_draws(vae: VaeModel) -> None:
    zero = np.zeros((4, 8, 8), np.float32)
    (drawn,) = frames(run(DecodeTask(1, vae, [zero])))
    own, noise = bounds(run(ScoreTask(1, vae, [drawn, PICTURES[0]], samples=2, seed=0)))
    assert own.bound.reconstruction > noise.bound.reconstruction
