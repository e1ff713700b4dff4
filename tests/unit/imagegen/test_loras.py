import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from imagegen.denoising import DenoisingTask
from imagegen.domain import DiffusionParameters, GenerateRequest, HeldLora, ImageFormat, LoraChoice, Sampler
from imagegen.engine import Engine, Envelope
from imagegen.events import ImageResult, Progress
from imagegen.images import read_rgb
from imagegen.loras import ModelLoras
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel, LatentModel
from imagegen.models.loading import LoadOptions, load_model
from imagegen.models.lora import adapted, current_loras, lora_reader
from imagegen.prompts import PromptCache
from imagegen.scheduler import Scheduler, StageKey
from imagegen.specs import DenoiseSpec, NoiseStart
from imagegen.testing import save_tiny_lora
from imagegen.validation import Limits
from imagegen.worker import Worker
from serving.errors import FailedPrecondition, InvalidInput, NotConfigured, NotFound, Unavailable
from serving.loras import Adapter, LoraOptions

SPEC = DenoiseSpec("tiny", "", "", 16, 16, 2, 0, 1.0, Sampler.DDIM, (1,), 0, ImageFormat.PNG, NoiseStart())
HELD = HeldLora(Adapter("x", 1, 1, "00", {}), 1.0)


def options(directory: Path | None) -> LoraOptions:
    return LoraOptions(directory, max_count=3, max_rank=4, max_bytes=10**7)


@pytest.fixture
def directory(tmp_path: Path, pipeline: DiffusionModel) -> Path:
    for seed, name in enumerate(("one", "two")):
        save_tiny_lora(tmp_path / name, pipeline.lora_parts, seed=seed)
    return tmp_path


@pytest.fixture
def models(pipeline_path: Path, families: dict[str, DiffusionModel]) -> list[LatentModel]:
    # Its own, because adapters leave hooks on it.
    return [load_model("tiny", str(pipeline_path), LoadOptions()), families["gan"]]


@pytest.fixture
async def engine(
    directory: Path, models: list[LatentModel], metrics: ImagegenMetrics, prompts: PromptCache
) -> AsyncIterator[Engine]:
    loras = ModelLoras(lora_reader, options(directory), metrics)
    engine = Engine(lambda: models, Worker(Scheduler(8, 16, 16), metrics), prompts, Limits(), loras)
    await engine.start()
    yield engine
    await engine.stop()


def asked(*loras: LoraChoice, model: str = "", steps: int = 4) -> GenerateRequest:
    return GenerateRequest(
        model=model, prompt="a", parameters=DiffusionParameters(seed=3, steps=steps, loras=loras)
    )


async def image(engine: Engine, *loras: LoraChoice) -> np.ndarray:
    async with aclosing(await engine.generate(asked(*loras), Envelope())) as events:
        results = [event async for event in events if isinstance(event, ImageResult)]
    return read_rgb(results[0].image.data, "image").astype(int)


async def test_each_request_is_drawn_with_its_own_adapters(engine: Engine) -> None:
    for name in ("one", "two"):
        await engine.loras.load("", name)
    sets = [
        (),
        (LoraChoice("one"),),
        (LoraChoice("one", 0.5),),
        (LoraChoice("two"),),
        (LoraChoice("one", 0.5), LoraChoice("two", -1.0)),
    ]
    alone = [await image(engine, *each) for each in sets]
    for index, each in enumerate(alone):
        assert all(np.abs(each - other).max() > 2 for other in alone[:index])
    together = await asyncio.gather(*(image(engine, *each) for each in [*sets, *reversed(sets)]))
    for found, expected in zip(together, [*alone, *reversed(alone)], strict=True):
        assert np.abs(found - expected).max() <= 1
    backwards = await image(engine, LoraChoice("two", -1.0), LoraChoice("one", 0.5))
    np.testing.assert_array_equal(backwards, alone[-1])
    np.testing.assert_array_equal(await image(engine), alone[0])


def test_only_equal_sets_share_a_batch(pipeline: DiffusionModel, prompts: PromptCache) -> None:
    def key(*loras: HeldLora) -> StageKey:
        return DenoisingTask(1, pipeline, SPEC, prompts, loras).stage.key

    again = HeldLora(Adapter("y", 1, 1, HELD.adapter.sha256, {}), HELD.scale)
    assert key(HELD) == key(again)  # the same content under another name
    other = HeldLora(Adapter("x", 1, 1, "01", {}), 1.0)
    sets = [(), (HELD,), (replace(HELD, scale=0.5),), (other,), (HELD, other)]
    assert len({key(*each) for each in sets}) == len(sets)


async def test_a_running_request_ends_with_what_was_unloaded(
    engine: Engine, directory: Path, models: list[LatentModel]
) -> None:
    await engine.loras.load("", "one")
    expected = await image(engine, LoraChoice("one"))
    assert isinstance(models[0], DiffusionModel)
    async with aclosing(await engine.generate(asked(LoraChoice("one")), Envelope())) as events:
        await anext(event async for event in events if isinstance(event, Progress))
        engine.loras.unload("", "one")
        save_tiny_lora(directory / "one", models[0].lora_parts, seed=9)
        await engine.loras.load("", "one")
        results = [event async for event in events if isinstance(event, ImageResult)]
    np.testing.assert_array_equal(read_rgb(results[0].image.data, "image"), expected)
    assert np.abs(await image(engine, LoraChoice("one")) - expected).max() > 2


async def test_memory_is_free_again_when_nobody_holds_it(
    directory: Path, models: list[LatentModel], metrics: ImagegenMetrics, prompts: PromptCache
) -> None:
    size = 3 * (directory / "one/pytorch_lora_weights.safetensors").stat().st_size // 2
    loras = ModelLoras(lora_reader, LoraOptions(directory, 3, 4, size), metrics)
    engine = Engine(lambda: models, Worker(Scheduler(8, 16, 16), metrics), prompts, Limits(), loras)
    await engine.start()
    for _ in range(3):
        await engine.loras.load("", "one")
        await image(engine, LoraChoice("one"))
        engine.loras.unload("", "one")
        gc.collect()
    await engine.stop()


async def test_they_are_listed_and_counted(engine: Engine, metrics: ImagegenMetrics) -> None:
    def loaded() -> float:
        return metrics.loras_loaded.labels("tiny").collect()[0].samples[0].value

    assert loaded() == 0
    assert (await engine.loras.load("", "two"))[0] == "tiny"
    await engine.loras.load("tiny", "one")
    model, adapters = engine.loras.list("")
    assert (model, [each.name for each in adapters]) == ("tiny", ["two", "one"])
    assert [each.loras for each in engine.list_models()] == [("two", "one"), ()]
    assert loaded() == 2
    assert engine.loras.unload("", "two") == "tiny"
    assert loaded() == 1
    assert [each.loras for each in engine.list_models()] == [("one",), ()]


async def test_what_cannot_be_held_is_refused(engine: Engine) -> None:
    with pytest.raises(NotFound, match="'one'"):
        await engine.generate(asked(LoraChoice("one")), Envelope())
    with pytest.raises(InvalidInput, match=r"parameters\.loras: gan takes no adapters"):
        engine.loras.hold("gan", (LoraChoice("one"),))
    assert engine.loras.hold("gan", ()) == ()
    with pytest.raises(FailedPrecondition) as caught:
        await engine.loras.load("gan", "one")
    assert caught.value.reason == "LORA_UNSUPPORTED"


async def test_without_a_directory_there_are_none(
    models: list[LatentModel], metrics: ImagegenMetrics, prompts: PromptCache
) -> None:
    loras = ModelLoras(lora_reader, None, metrics)
    with pytest.raises(Unavailable):
        loras.list("")
    engine = Engine(lambda: models, Worker(Scheduler(8, 16, 16), metrics), prompts, Limits(), loras)
    await engine.start()
    with pytest.raises(NotConfigured, match="lora_dir"):
        await loras.load("", "one")
    assert isinstance(models[0], DiffusionModel)
    assert not any(module._forward_hooks for module in models[0].lora_parts["unet"].modules())
    await engine.stop()


def test_adapters_are_those_of_the_pass_at_hand() -> None:
    assert current_loras() == ()
    with pytest.raises(ZeroDivisionError), adapted((HELD,)):
        assert current_loras() == (HELD,)
        raise ZeroDivisionError
    assert current_loras() == ()
