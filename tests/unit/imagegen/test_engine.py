import asyncio
import copy
import io
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest
from imagegen.domain import (
    DecodeRequest,
    DiffusionParameters,
    EditRequest,
    EncodeRequest,
    GenerateRequest,
    ImageFormat,
    ImagePoint,
    InterpolateRequest,
    ScoreRequest,
    SeedPoint,
)
from imagegen.engine import Engine, Envelope, Events
from imagegen.events import Finished, ImageResult, Preview, Progress, Queued, StreamEvent
from imagegen.images import read_rgb, write
from imagegen.loras import ModelLoras
from imagegen.metrics import ImagegenMetrics
from imagegen.models.lora import lora_reader
from imagegen.models.passes import FixedPasses, Passes
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import VaeModel
from imagegen.prompts import PromptCache
from imagegen.scheduler import Scheduler
from imagegen.validation import Limits
from imagegen.worker import Worker
from PIL import Image
from serving.errors import DeadlineUnreachable, Unavailable

CALL = Envelope("call-1")
PICTURE = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
FILE = write(PICTURE, ImageFormat.PNG).data


def build(
    models: list[VaeModel], metrics: ImagegenMetrics, prompts: PromptCache, passes: Passes | None = None
) -> Engine:
    loras = ModelLoras(lora_reader, None, metrics)
    worker = Worker(Scheduler(8, 16, 16), metrics)
    return Engine(lambda: models, worker, prompts, Limits(), loras, passes=passes)


@pytest.fixture
async def engine(
    pipeline: StableDiffusionModel, vae: VaeModel, metrics: ImagegenMetrics, prompts: PromptCache
) -> AsyncIterator[Engine]:
    engine = build([pipeline, vae], metrics, prompts)
    await engine.start()
    yield engine
    await engine.stop()


async def collect(stream: Events) -> list[StreamEvent]:
    async with aclosing(stream) as events:
        return [event async for event in events]


def steps(number: int, **more: object) -> DiffusionParameters:
    return DiffusionParameters(steps=number, seed=1, **more)  # type: ignore[arg-type]


async def test_stream_begins_queued_and_ends_finished(engine: Engine) -> None:
    request = GenerateRequest(prompt="red", parameters=steps(4, count=2, preview_every_steps=1))
    events = await collect(await engine.generate(request, CALL))
    assert events[0] == Queued("call-1", "tiny", 0)
    assert isinstance(events[-1], Finished)
    assert (events[-1].image_count, events[-1].image_step_count) == (2, 8)
    assert any(isinstance(event, Progress) for event in events)
    assert any(isinstance(event, Preview) for event in events)
    results = [event for event in events if isinstance(event, ImageResult)]
    assert [(result.index, result.seed) for result in results] == [(0, 1), (1, 2)]
    with Image.open(io.BytesIO(results[1].image.data)) as image:
        assert (image.size, image.text["seed"], image.text["prompt"]) == ((16, 16), "2", "red")  # type: ignore[attr-defined]


async def test_callers_id_goes_before_the_calls(engine: Engine) -> None:
    events = await collect(
        await engine.generate(GenerateRequest(request_id="mine", parameters=steps(1)), CALL)
    )
    assert isinstance(events[0], Queued) and events[0].request_id == "mine"


async def test_many_at_once_get_what_they_would_get_alone(engine: Engine) -> None:
    requests = [
        GenerateRequest(
            prompt=f"dot {i}", parameters=DiffusionParameters(steps=2 + i, seed=i, count=1 + i % 2)
        )
        for i in range(4)
    ]

    async def pixels(request: GenerateRequest) -> list[np.ndarray]:  # type: ignore[type-arg]
        events = await collect(await engine.generate(request, CALL))
        return [read_rgb(event.image.data, "x") for event in events if isinstance(event, ImageResult)]

    together = await asyncio.gather(*map(pixels, requests))
    for request, images in zip(requests, together, strict=True):
        for image, alone in zip(images, await pixels(request), strict=True):
            assert np.abs(image.astype(int) - alone.astype(int)).max() <= 1


async def test_rows_of_all_calls_pass_in_the_fixed_number(
    pipeline: StableDiffusionModel,
    metrics: ImagegenMetrics,
    prompts: PromptCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: dict[str, set[int]] = {"predict": set(), "encode": set(), "decode": set()}
    counted = copy.copy(pipeline)
    for name, rows in (("predict", lambda x: len(x.latents)), ("encode", len), ("decode", len)):
        method, seen = getattr(pipeline, name), sizes[name]
        monkeypatch.setattr(counted, name, count_rows(method, rows, seen), raising=False)
    engine = build([counted], metrics, prompts, FixedPasses(3))
    await engine.start()
    try:
        await collect(await engine.generate(GenerateRequest(parameters=steps(2, count=2)), CALL))
        walk = InterpolateRequest(ImagePoint(FILE), ImagePoint(FILE), frame_count=3)
        await collect(await engine.interpolate(walk, CALL))
        latents = (await engine.encode(EncodeRequest((FILE, FILE)), CALL)).latents
        await engine.decode(DecodeRequest(latents), CALL)
    finally:
        await engine.stop()
    assert sizes == {"predict": {3}, "encode": {1}, "decode": {1}}


def count_rows(method: Callable[..., Any], rows: Callable[[Any], int], seen: set[int]) -> Callable[..., Any]:
    def counting(first: Any, *others: Any) -> Any:
        seen.add(rows(first))
        return method(first, *others)

    return counting


async def test_a_reader_that_leaves_frees_its_place(engine: Engine, metrics: ImagegenMetrics) -> None:
    request = GenerateRequest(parameters=steps(900))
    async with aclosing(await engine.generate(request, CALL)) as events:
        async for event in events:
            if isinstance(event, Progress):
                break
    await collect(await engine.generate(GenerateRequest(parameters=steps(1)), CALL))
    assert metrics.cancelled_total._value.get() == 1
    assert metrics.steps_total._value.get() < 900


async def test_a_deadline_ends_a_running_request(engine: Engine) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(DeadlineUnreachable):
        await collect(
            await engine.generate(
                GenerateRequest(parameters=steps(900, count=4)), Envelope("x", loop.time() + 0.2)
            )
        )


async def test_edit_and_walks(engine: Engine) -> None:
    edited = await collect(await engine.edit(EditRequest(FILE, mask=FILE, parameters=steps(4)), CALL))
    assert isinstance(edited[-1], Finished) and edited[-1].image_step_count == 3
    for start, end, image_steps in (
        (SeedPoint(1, "a"), SeedPoint(2, "b"), 10),
        (ImagePoint(FILE), ImagePoint(FILE), 0),
    ):
        request = InterpolateRequest(start, end, frame_count=5, parameters=DiffusionParameters(steps=2))
        events = await collect(await engine.interpolate(request, CALL))
        assert [event.index for event in events if isinstance(event, ImageResult)] == list(range(5))
        assert isinstance(events[-1], Finished) and events[-1].image_step_count == image_steps


async def test_encode_decode_score(engine: Engine) -> None:
    encoded = await engine.encode(EncodeRequest((FILE, FILE), model="vae"), CALL)
    assert (encoded.model, len(encoded.latents), encoded.latents[0].shape) == ("vae", 2, (4, 8, 8))
    decoded = await engine.decode(DecodeRequest(encoded.latents, ImageFormat.WEBP, "vae"), CALL)
    assert decoded.images[0].format is ImageFormat.WEBP
    assert decoded.timings.decode_ms > 0
    scored = await engine.score(ScoreRequest((FILE,)), CALL)
    assert (scored.model, len(scored.bounds)) == ("tiny", 1)
    assert "0.1" in scored.method and "lower bound" in scored.method


async def test_before_the_models_are_loaded_it_is_unavailable(
    pipeline: StableDiffusionModel, metrics: ImagegenMetrics, prompts: PromptCache
) -> None:
    engine = build([pipeline], metrics, prompts)
    with pytest.raises(Unavailable):
        await engine.generate(GenerateRequest(), CALL)
    assert not engine.healthy(60)
    await engine.start()
    assert engine.healthy(60)
    assert [model.id for model in engine.list_models()] == ["tiny"]
    await engine.stop()
    assert not engine.healthy(60)
