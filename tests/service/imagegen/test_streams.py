import asyncio
import io
from typing import Any

import grpc
import numpy as np
import pytest
from imagegen.engine import Engine
from PIL import Image
from prometheus_client import CollectorRegistry
from quadrille.image.v1 import image_pb2 as pb
from serving.energy import open_rapl

PICTURE = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def png(pixels: Any) -> pb.Image:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return pb.Image(data=buffer.getvalue())


def pixels(image: pb.Image) -> Any:
    return np.asarray(Image.open(io.BytesIO(image.data)).convert("RGB")).astype(int)


async def collect(call: Any) -> list[Any]:
    return [response async for response in call]


def images(responses: list[Any]) -> list[pb.ImageResult]:
    return [response.image for response in responses if response.WhichOneof("event") == "image"]


def check_order(responses: list[Any]) -> pb.Finished:
    kinds = [response.WhichOneof("event") for response in responses]
    assert kinds[0] == "queued" and kinds[-1] == "finished"
    assert kinds.count("queued") == kinds.count("finished") == 1
    assert responses[-1].finished.image_count == kinds.count("image")
    return responses[-1].finished  # type: ignore[no-any-return]


async def test_generate(stub: Any) -> None:
    parameters = pb.DiffusionParameters(steps=5, seed=3, count=2, preview_every_steps=2, width=8, height=24)
    request = pb.GenerateRequest(prompt="a dot", parameters=parameters, request_id="mine")
    responses = await collect(stub.Generate(request))
    finished = check_order(responses)
    assert (responses[0].queued.request_id, responses[0].queued.model) == ("mine", "tiny")
    assert (finished.image_count, finished.image_step_count) == (2, 10)
    assert finished.timings.denoise_ms > 0 and finished.timings.decode_ms > 0
    assert finished.timings.HasField("energy_joules") == (open_rapl() is not None)
    assert 0 < finished.timings.device_share_ms <= finished.timings.device_ms
    assert 0.25 <= finished.timings.batch_occupancy <= 1
    progress = [r.progress for r in responses if r.WhichOneof("event") == "progress"]
    assert progress and (progress[-1].step, progress[-1].step_count) == (5, 5)
    assert all(
        (r.preview.image.width, r.preview.image.height) == (4, 12) for r in responses if r.HasField("preview")
    )
    for index, result in enumerate(images(responses)):
        assert (result.index, result.seed) == (index, 3 + index)
        assert (result.image.width, result.image.height) == (8, 24)
        assert result.image.format == pb.IMAGE_FORMAT_PNG


@pytest.mark.parametrize(
    ("number", "kind"), [(pb.IMAGE_FORMAT_JPEG, "JPEG"), (pb.IMAGE_FORMAT_WEBP, "WEBP"), (0, "PNG")]
)
async def test_formats(stub: Any, number: pb.ImageFormat.ValueType, kind: str) -> None:
    request = pb.GenerateRequest(parameters=pb.DiffusionParameters(steps=1, format=number))
    (result,) = images(await collect(stub.Generate(request)))
    assert Image.open(io.BytesIO(result.image.data)).format == kind
    assert result.image.format == (number or pb.IMAGE_FORMAT_PNG)


@pytest.mark.parametrize("sampler", [n for n in pb.Sampler.values() if n != pb.SAMPLER_FLOW_MATCH_EULER])
async def test_a_seed_makes_its_image_alone_and_in_company(stub: Any, sampler: pb.Sampler.ValueType) -> None:
    def request(seed: int, steps: int = 3, count: int = 1) -> pb.GenerateRequest:
        parameters = pb.DiffusionParameters(steps=steps, seed=seed, count=count, sampler=sampler)
        return pb.GenerateRequest(prompt="a dot", parameters=parameters)

    (alone,) = images(await collect(stub.Generate(request(8))))
    first, *_ = await asyncio.gather(
        collect(stub.Generate(request(7, count=3))),
        collect(stub.Generate(request(50, steps=6))),
        collect(stub.Generate(pb.GenerateRequest(prompt="other"))),
    )
    together = images(first)
    assert np.abs(pixels(together[1].image) - pixels(alone.image)).max() <= 1
    assert np.abs(pixels(together[0].image) - pixels(alone.image)).max() > 10


async def test_seed_is_returned_when_it_was_chosen(stub: Any) -> None:
    request = pb.GenerateRequest(parameters=pb.DiffusionParameters(steps=2))
    (chosen,) = images(await collect(stub.Generate(request)))
    request.parameters.seed = chosen.seed
    (again,) = images(await collect(stub.Generate(request)))
    assert np.abs(pixels(again.image) - pixels(chosen.image)).max() <= 1


async def test_edit_and_inpaint(stub: Any) -> None:
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 8:] = 255
    parameters = pb.DiffusionParameters(steps=5, seed=1)
    plain = pb.EditRequest(init_image=png(PICTURE), parameters=parameters, strength=0.6)
    responses = await collect(stub.Edit(plain))
    assert check_order(responses).image_step_count == 3
    masked = pb.EditRequest(init_image=png(PICTURE), mask=png(mask), parameters=parameters)
    (result,) = images(await collect(stub.Edit(masked)))
    edited = pixels(result.image)
    assert np.array_equal(edited[:, :8], PICTURE[:, :8])
    assert not np.array_equal(edited[:, 8:], PICTURE[:, 8:])
    clear = np.dstack([PICTURE, 255 - mask])
    masked.mask.CopyFrom(png(clear))
    masked.mask_channel = pb.MASK_CHANNEL_ALPHA
    (result,) = images(await collect(stub.Edit(masked)))
    assert np.array_equal(pixels(result.image), edited)


async def test_interpolate_seeds_images_and_latents(stub: Any) -> None:
    encoded = await stub.Encode(pb.EncodeRequest(images=[png(PICTURE)]))
    ends = [
        (pb.LatentPoint(seed=1, prompt="a"), pb.LatentPoint(seed=2, prompt="b")),
        (pb.LatentPoint(image=png(PICTURE)), pb.LatentPoint(image=png(PICTURE[::-1]))),
        (pb.LatentPoint(latent=encoded.latents[0]), pb.LatentPoint(image=png(PICTURE[::-1]))),
    ]
    walks = []
    for start, end in ends:
        request = pb.InterpolateRequest(
            start=start, end=end, frame_count=4, parameters=pb.DiffusionParameters(steps=2)
        )
        responses = await collect(stub.Interpolate(request))
        check_order(responses)
        frames = images(responses)
        assert [frame.index for frame in frames] == [0, 1, 2, 3]
        assert not np.array_equal(pixels(frames[0].image), pixels(frames[-1].image))
        walks.append(frames)
    # An image and the latent that it encodes to are the same end.
    assert np.abs(pixels(walks[1][2].image) - pixels(walks[2][2].image)).max() <= 1
    (seeded,) = images(
        await collect(
            stub.Generate(pb.GenerateRequest(prompt="b", parameters=pb.DiffusionParameters(steps=2, seed=2)))
        )
    )
    assert np.abs(pixels(walks[0][-1].image) - pixels(seeded.image)).max() <= 1


async def test_an_autoencoder_alone_walks_between_latents(stub: Any) -> None:
    point = pb.LatentPoint(image=png(PICTURE))
    request = pb.InterpolateRequest(model="vae", start=point, end=point, frame_count=2)
    responses = await collect(stub.Interpolate(request))
    assert responses[0].queued.model == "vae"
    assert len(images(responses)) == 2


async def test_a_cancelled_call_stops_between_steps(
    stub: Any, engine: Engine, registry: CollectorRegistry
) -> None:
    call = stub.Generate(pb.GenerateRequest(parameters=pb.DiffusionParameters(steps=900, count=8)))
    async for response in call:
        if response.HasField("progress"):
            break
    call.cancel()
    # The next request runs to its end, and by then the cancelled one is gone.
    await collect(stub.Generate(pb.GenerateRequest(parameters=pb.DiffusionParameters(steps=1))))

    def value(name: str) -> float:
        return registry.get_sample_value(f"quadrille_image_{name}") or 0.0

    while value("cancelled_total") < 1:
        await asyncio.sleep(0.01)
    assert value("requests_running") == 0
    assert value("steps_total") < 900 * 8
    assert engine.healthy(60)


async def test_a_deadline_is_kept(stub: Any) -> None:
    request = pb.GenerateRequest(parameters=pb.DiffusionParameters(steps=900, count=8))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await collect(stub.Generate(request, timeout=0.3))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_deadline_that_the_steps_cannot_meet_is_refused_at_once(
    stub: Any, registry: CollectorRegistry
) -> None:
    parameters = pb.DiffusionParameters(steps=999, count=16, width=32, height=32)
    with pytest.raises(grpc.aio.AioRpcError, match="the steps take") as caught:
        await collect(stub.Generate(pb.GenerateRequest(parameters=parameters), timeout=5))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    name = "quadrille_image_admission_rejections_total"
    assert registry.get_sample_value(name, {"reason": "deadline"}) == 1
    assert registry.get_sample_value("quadrille_image_images_total", {"outcome": "refused"}) == 16
    assert registry.get_sample_value("quadrille_image_steps_total") == 0


async def test_a_flood_is_refused_with_a_hint(stub: Any) -> None:
    request = pb.GenerateRequest(parameters=pb.DiffusionParameters(steps=60, count=8))
    calls = [stub.Generate(request) for _ in range(40)]
    results = await asyncio.gather(*(call.read() for call in calls), return_exceptions=True)
    refused = [error for error in results if isinstance(error, grpc.aio.AioRpcError)]
    for call in calls:
        call.cancel()
    assert 0 < len(refused) < 40
    assert {error.code() for error in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert int(dict(refused[0].trailing_metadata())["grpc-retry-pushback-ms"]) > 0
