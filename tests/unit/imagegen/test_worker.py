import asyncio
import contextlib
import copy
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import torch
from imagegen.batch_runner import BatchRunner
from imagegen.denoising import DenoisingTask
from imagegen.device_meter import DeviceMeter, Spent
from imagegen.domain import ImageFormat, Sampler
from imagegen.events import DeviceEvent, Done, RawImage
from imagegen.mailbox import Mailbox
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import ModelInput
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.prompts import PromptCache
from imagegen.scheduler import Scheduler, Stage, StageKey
from imagegen.specs import DenoiseSpec, NoiseStart
from imagegen.step_profile import StepProfile
from imagegen.tasks import Phase
from imagegen.worker import Job, Worker
from serving.errors import DeadlineUnreachable, Overloaded, TooLarge, Unavailable

SPEC = DenoiseSpec(
    "tiny", "a red dot", "", 16, 16, 3, 0, 1.0, Sampler.DDIM, (7,), 0, ImageFormat.PNG, NoiseStart()
)


class Gate:
    """A task of one step that lasts until it is let through; it holds the device, as a slow pass would."""

    phase: Phase = "encode"
    image_count = image_step_count = 0

    def __init__(self, owner: int) -> None:
        self.stage = Stage(StageKey("gate", owner=owner), 1, 1)
        self.entered, self.opened = threading.Event(), threading.Event()

    def begin(self) -> None: ...

    def run(self, step: int) -> list[DeviceEvent]:
        self.entered.set()
        self.opened.wait()
        return []

    def next_stage(self) -> Stage | None:
        return None


class Broken(Gate):
    """A task that fails in the place named."""

    def __init__(self, owner: int, place: str) -> None:
        super().__init__(owner)
        self._place = place

    def begin(self) -> None:
        if self._place == "begin":
            raise ZeroDivisionError(self._place)

    def run(self, step: int) -> list[DeviceEvent]:
        if self._place == "run":
            raise ZeroDivisionError(self._place)
        return []

    def next_stage(self) -> Stage | None:
        raise ZeroDivisionError(self._place)


class SmallMemory(StableDiffusionModel):
    """The tiny pipeline on a device that holds few rows at once."""

    rows = 2
    largest = 0

    def predict(self, rows: ModelInput) -> torch.Tensor:
        if len(rows.latents) > self.rows:
            raise torch.OutOfMemoryError("out of memory")
        self.largest = max(self.largest, len(rows.latents))
        return super().predict(rows)


async def read(mailbox: Mailbox) -> list[DeviceEvent]:
    return [event async for event in mailbox.events()]


@pytest.fixture
async def worker(metrics: ImagegenMetrics) -> AsyncIterator[Worker]:
    running = Worker(Scheduler(8, 8, 3), metrics)
    running.start()
    yield running
    await asyncio.to_thread(running.stop)


@pytest.fixture
def job(pipeline: StableDiffusionModel, prompts: PromptCache) -> Callable[..., Job]:
    def make(number: int, model: StableDiffusionModel = pipeline, **changes: object) -> Job:
        task = DenoisingTask(number, model, replace(SPEC, **changes), prompts)  # type: ignore[arg-type]
        return Job(number, task, Mailbox())

    return make


async def test_jobs_are_done_and_counted(
    worker: Worker, job: Callable[..., Job], metrics: ImagegenMetrics
) -> None:
    jobs = [job(1), job(2, steps=2, seeds=(1, 2), sampler=Sampler.EULER)]
    for each in jobs:
        worker.submit(each, 0, None)
    for each, images, steps in zip(jobs, (1, 2), (3, 4), strict=True):
        *events, done = await read(each.mailbox)
        assert isinstance(done, Done) and (done.image_count, done.image_step_count) == (images, steps)
        assert sum(isinstance(event, RawImage) for event in events) == images
        assert done.timings.denoise_ms > 0 and done.timings.device_ms > 0
    assert metrics.images_total.labels("finished")._value.get() == 3
    assert metrics.steps_total._value.get() == 7
    assert metrics.request_success_total._value.get() == 2
    assert metrics.requests_running._value.get() == metrics.requests_waiting._value.get() == 0


async def test_a_preparation_that_fails_keeps_no_request_from_the_device(
    metrics: ImagegenMetrics, job: Callable[..., Job]
) -> None:
    def prepare() -> None:
        raise ZeroDivisionError

    worker, waiting = Worker(Scheduler(8, 8, 3), metrics), job(1)
    worker.start(prepare)
    worker.submit(waiting, 0, None)
    assert isinstance((await read(waiting.mailbox))[-1], Done)
    await asyncio.to_thread(worker.stop)
    assert not worker.healthy(60)


@pytest.mark.parametrize("place", ["begin", "run", "next_stage"])
async def test_a_request_that_fails_harms_no_other(
    worker: Worker, job: Callable[..., Job], metrics: ImagegenMetrics, place: str
) -> None:
    broken, good = Job(1, Broken(1, place), Mailbox()), job(2)
    worker.submit(broken, 0, None)
    worker.submit(good, 0, None)
    with pytest.raises(ZeroDivisionError):
        await read(broken.mailbox)
    assert isinstance((await read(good.mailbox))[-1], Done)
    assert worker.healthy(60)
    assert metrics.request_failure_total._value.get() == 1


async def test_a_failure_in_a_shared_pass_fails_its_culprit_alone(
    worker: Worker, job: Callable[..., Job]
) -> None:
    gate = Gate(1)
    worker.submit(Job(1, gate, Mailbox()), 0, None)
    await asyncio.to_thread(gate.entered.wait)
    bad, good = job(2), job(3)
    alone = job(4)
    begin = bad.task.begin

    def spoil() -> None:
        begin()
        bad.task._conditional = (torch.zeros(1, 3, 5),)  # type: ignore[attr-defined]

    bad.task.begin = spoil  # type: ignore[method-assign]
    for each in (bad, good):
        worker.submit(each, 0, None)
    gate.opened.set()
    with pytest.raises(RuntimeError):
        await read(bad.mailbox)
    events = await read(good.mailbox)
    assert isinstance(events[-1], Done)
    worker.submit(alone, 0, None)
    assert [e.pixels.tolist() for e in events if isinstance(e, RawImage)] == [
        e.pixels.tolist() for e in await read(alone.mailbox) if isinstance(e, RawImage)
    ]


async def test_out_of_memory_splits_the_batch(
    worker: Worker, job: Callable[..., Job], pipeline: StableDiffusionModel
) -> None:
    small = copy.copy(pipeline)
    small.__class__ = SmallMemory
    assert isinstance(small, SmallMemory)
    fits, plenty = job(1, small, seeds=(1, 2, 3, 4, 5)), job(4, seeds=(1, 2, 3, 4, 5))
    for each in (fits, plenty):
        worker.submit(each, 0, None)
    few, many = [
        [event.pixels.astype(int) for event in await read(each.mailbox) if isinstance(event, RawImage)]
        for each in (fits, plenty)
    ]
    assert len(few) == 5 and small.largest == 2
    assert max(abs(a - b).max() for a, b in zip(few, many, strict=True)) <= 1  # no sampler took a step twice
    assert worker._profile.max_evaluations(fits.task.stage.key) > 2  # decoding has no cap
    assert worker._profile.max_evaluations(StageKey("tiny", 8, 8)) == 2
    # With guidance one row needs two, which is still too much for a device of one.
    small.rows = 1
    too_large, after = job(2, small, guidance_scale=3.0), job(3, small)
    worker.submit(too_large, 0, None)
    worker.submit(after, 0, None)
    with pytest.raises(TooLarge, match="memory"):
        await read(too_large.mailbox)
    assert isinstance((await read(after.mailbox))[-1], Done)


async def test_waiting_jobs_are_cancelled_expired_and_refused(
    worker: Worker, job: Callable[..., Job], metrics: ImagegenMetrics
) -> None:
    gate = Gate(1)
    held = Job(1, gate, Mailbox())
    worker.submit(held, 0, None)
    await asyncio.to_thread(gate.entered.wait)
    cancelled, expired, good = job(2), job(3), job(4)
    soon = time.monotonic() + 0.01
    assert [worker.submit(cancelled, 0, None), worker.submit(expired, 0, soon)] == [0, 1]
    worker.submit(good, 0, None)
    with pytest.raises(Overloaded):
        worker.submit(job(5), 0, None)
    with pytest.raises(DeadlineUnreachable):
        worker.submit(job(6), 0, time.monotonic() - 1)
    worker.cancel(2)
    await asyncio.sleep(0.02)
    gate.opened.set()
    with pytest.raises(DeadlineUnreachable):
        await read(expired.mailbox)
    assert isinstance((await read(good.mailbox))[-1], Done)
    assert not cancelled.clock.timings(time.monotonic()).device_ms
    assert metrics.cancelled_total._value.get() == metrics.expired_total._value.get() == 1
    for reason in ("queue_full", "deadline"):
        assert metrics.admission_rejections_total.labels(reason)._value.get() == 1
    outcomes = {"finished": 1, "cancelled": 1, "expired": 1, "refused": 2, "failed": 0}
    assert {name: metrics.images_total.labels(name)._value.get() for name in outcomes} == outcomes


async def test_a_stall_is_seen(worker: Worker) -> None:
    assert worker.healthy(0.0)
    gate = Gate(1)
    worker.submit(Job(1, gate, Mailbox()), 0, None)
    await asyncio.to_thread(gate.entered.wait)
    assert worker.healthy(60)
    assert not worker.healthy(0.0)
    gate.opened.set()


async def test_stopping_fails_what_is_left(metrics: ImagegenMetrics, job: Callable[..., Job]) -> None:
    worker = Worker(Scheduler(8, 8, 3), metrics, threads=1)
    worker.start()
    gate = Gate(1)
    worker.submit(Job(1, gate, Mailbox()), 0, None)
    await asyncio.to_thread(gate.entered.wait)
    left = job(2)
    worker.submit(left, 0, None)
    stopping = asyncio.create_task(asyncio.to_thread(worker.stop))
    while not worker._stopping:
        await asyncio.sleep(0)
    gate.opened.set()
    await stopping
    with pytest.raises(Unavailable):
        await read(left.mailbox)
    with pytest.raises(Unavailable):
        worker.submit(job(3), 0, None)
    assert not worker.healthy(60)


async def test_shares_add_up_to_what_the_device_spent(
    metrics: ImagegenMetrics, job: Callable[..., Job]
) -> None:
    spent: list[Spent] = []

    class Ledger(DeviceMeter):
        def measure(self, work: Callable[[], None]) -> Spent:
            work()
            spent.append(Spent(0.1 * (1 + len(spent) % 3), 2.0))
            return spent[-1]

    worker = Worker(Scheduler(8, 8, 9), metrics, runner=BatchRunner(Ledger()))
    jobs = [job(1), job(2, seeds=(1, 2), guidance_scale=3.0), job(3, steps=5)]
    for each in jobs:
        worker.submit(each, 0, None)
    worker.start()
    endings = [(await read(each.mailbox))[-1] for each in jobs]
    await asyncio.to_thread(worker.stop)
    timings = [done.timings for done in endings if isinstance(done, Done)]
    total = sum(each.seconds for each in spent)
    assert sum(each.device_share_ms for each in timings) == pytest.approx(1e3 * total)
    assert sum(each.energy_joules or 0.0 for each in timings) == pytest.approx(2.0 * len(spent))
    assert all(each.device_share_ms <= each.device_ms for each in timings)
    # Three steps with four images in eight places, and two more with one of them.
    assert [each.batch_occupancy for each in timings] == pytest.approx([0.5, 0.5, (3 * 0.5 + 2 * 0.125) / 5])
    # Two images with guidance are four rows of six.
    assert timings[1].device_share_ms > timings[0].device_share_ms * 2


async def test_a_deadline_that_the_steps_cannot_meet_is_refused_untouched(
    metrics: ImagegenMetrics, job: Callable[..., Job]
) -> None:
    profile = StepProfile()
    profile.learn(StageKey("tiny", 8, 8), 1, 10.0)
    worker = Worker(Scheduler(8, 8, 3), metrics, profile=profile)
    with pytest.raises(DeadlineUnreachable, match="steps"):
        worker.submit(job(1), 0, time.monotonic() + 29)
    assert metrics.admission_rejections_total.labels("deadline")._value.get() == 1
    assert worker.submit(job(2), 0, time.monotonic() + 60) == 0
    # Each refusal takes from the trust in figures that nothing renews.
    for number in range(3, 100):
        with contextlib.suppress(DeadlineUnreachable):
            worker.submit(job(number), 100, time.monotonic() + 29)
            break
    else:
        pytest.fail("wrong figures refuse for ever")
    worker.start()
    await asyncio.to_thread(worker.stop)


async def test_who_is_refused_learns_when_half_of_the_queue_will_have_started(
    metrics: ImagegenMetrics, job: Callable[..., Job]
) -> None:
    profile = StepProfile()
    profile.learn(StageKey("tiny", 8, 8), 1, 2.0)
    worker = Worker(Scheduler(1, 1, 3), metrics, profile=profile)
    for number in (1, 2, 3):
        worker.submit(job(number), 0, None)
    with pytest.raises(Overloaded) as refused:
        worker.submit(job(4), 0, None)
    assert refused.value.retry_after_s == 6.0
    worker.start()
    await asyncio.to_thread(worker.stop)


async def test_what_fails_to_prepare_does_not_keep_it_from_working(
    metrics: ImagegenMetrics, job: Callable[..., Job]
) -> None:
    worker = Worker(Scheduler(8, 8, 3), metrics)
    order: list[str] = []

    def prepare() -> None:
        order.append(threading.current_thread().name)
        raise ZeroDivisionError

    await asyncio.to_thread(worker.start, prepare)
    assert order == ["imagegen-device"]
    each = job(1)
    worker.submit(each, 0, None)
    assert isinstance((await read(each.mailbox))[-1], Done)
    await asyncio.to_thread(worker.stop)
