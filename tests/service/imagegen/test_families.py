"""Models of all families behind the same rpcs, each told apart by what it can and cannot do."""

import asyncio
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from imagegen.config import ImagegenSettings
from imagegen.testing import (
    LABELS,
    save_tiny_ddpm,
    save_tiny_dit,
    save_tiny_flux,
    save_tiny_gan,
    save_tiny_inpainting,
    save_tiny_sd3,
    save_tiny_sdxl,
)
from PIL import Image
from prometheus_client import CollectorRegistry
from quadrille.image.v1 import image_pb2 as pb

PROMPTS = {
    "flow": "a red dot",
    "classes": "goldfish",
    "pixels": "",
    "gan": "blue square",
    "large": "a red dot",
    "packed": "a red dot",
    "inpainting": "a red dot",
}
ELBO, FLOW = pb.SCORE_METHOD_VAE_ELBO, pb.SCORE_METHOD_PROBABILITY_FLOW
PICTURE = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("families")
    return {
        "flow": save_tiny_sd3(folder / "flow"),
        "classes": save_tiny_dit(folder / "classes"),
        "pixels": save_tiny_ddpm(folder / "pixels"),
        "gan": save_tiny_gan(folder / "gan"),
        "large": save_tiny_sdxl(folder / "large"),
        "packed": save_tiny_flux(folder / "packed"),
        "inpainting": save_tiny_inpainting(folder / "inpainting"),
    }


@pytest.fixture
def settings(folders: dict[str, Path]) -> ImagegenSettings:
    models = tuple(f"{name}={path}" for name, path in folders.items())
    return ImagegenSettings(port=0, metrics_port=0, models=models, default_steps=4)


def png(pixels: Any) -> pb.Image:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return pb.Image(data=buffer.getvalue())


def pixels(image: pb.Image) -> Any:
    return np.asarray(Image.open(io.BytesIO(image.data)).convert("RGB")).astype(int)


def generate(model: str, prompt: str | None = None, **parameters: Any) -> pb.GenerateRequest:
    prompt = PROMPTS[model] if prompt is None else prompt
    return pb.GenerateRequest(model=model, prompt=prompt, parameters=pb.DiffusionParameters(**parameters))


async def collect(call: Any) -> list[Any]:
    return [response async for response in call]


def images(responses: list[Any]) -> list[Any]:
    return [pixels(response.image.image) for response in responses if response.HasField("image")]


async def test_models_say_what_they_are(stub: Any) -> None:
    models = (await stub.ListModels(pb.ListModelsRequest())).models
    flow, classes, unconditional, gan, large, packed, inpainting = models
    assert (inpainting.architecture, list(inpainting.latent_shape)) == (
        "StableDiffusionInpaintPipeline",
        [4, 8, 8],
    )
    assert (flow.architecture, list(flow.samplers)) == (
        "StableDiffusion3Pipeline",
        [pb.SAMPLER_FLOW_MATCH_EULER],
    )
    assert (flow.conditioning, flow.guidance) == (pb.CONDITIONING_TEXT, pb.GUIDANCE_CLASSIFIER_FREE)
    assert classes.conditioning == pb.CONDITIONING_LABEL and "goldfish" in classes.labels
    assert unconditional.conditioning == pb.CONDITIONING_NONE and unconditional.guidance == pb.GUIDANCE_NONE
    assert unconditional.samplers[0] == pb.SAMPLER_DDPM and pb.SAMPLER_UNIPC in unconditional.samplers
    assert (large.architecture, large.guidance) == (
        "StableDiffusionXLPipeline",
        pb.GUIDANCE_CLASSIFIER_FREE,
    )
    assert (packed.architecture, packed.guidance) == ("FluxPipeline", pb.GUIDANCE_DISTILLED)
    assert (tuple(gan.labels), gan.default_steps, list(gan.samplers)) == (LABELS, 1, [])
    assert gan.default_truncation == pytest.approx(0.7) and not flow.HasField("default_truncation")
    assert set(gan.capabilities) == {
        pb.CAPABILITY_GENERATE,
        pb.CAPABILITY_INTERPOLATE,
        pb.CAPABILITY_DECODE,
    }


@pytest.mark.parametrize("model", PROMPTS)
async def test_a_seed_makes_its_image_alone_and_in_company(stub: Any, model: str) -> None:
    steps = 1 if model == "gan" else 3
    responses = await collect(stub.Generate(generate(model, seed=8, steps=3)))
    assert responses[0].queued.model == model
    assert responses[-1].finished.image_step_count == steps
    (alone,) = images(responses)
    first, *_ = await asyncio.gather(
        collect(stub.Generate(generate(model, seed=7, steps=3, count=3))),
        *(collect(stub.Generate(generate(other, seed=50, steps=6))) for other in PROMPTS),
    )
    together = images(first)
    assert np.abs(together[1] - alone).max() <= 1
    assert np.abs(together[0] - alone).max() > 5


async def test_a_guidance_scale_that_the_model_hears_is_each_rows_own(stub: Any) -> None:
    requests = [generate("packed", seed=1, steps=3, guidance_scale=scale) for scale in (0.0, 3.5, 9.0)]
    together = await asyncio.gather(*(collect(stub.Generate(request)) for request in requests))
    drawn = [images(responses)[0] for responses in together]
    for request, image in zip(requests, drawn, strict=True):
        (alone,) = images(await collect(stub.Generate(request)))
        assert np.abs(image - alone).max() <= 1
    assert np.abs(drawn[0] - drawn[1]).max() > 5 and np.abs(drawn[1] - drawn[2]).max() > 5


async def test_generators_requests_share_a_pass(stub: Any, registry: CollectorRegistry) -> None:
    # A request that holds the device while the others gather.
    slow = asyncio.create_task(collect(stub.Generate(generate("flow", steps=40, count=8))))
    await asyncio.sleep(0)
    requests = [generate("gan", LABELS[i % 3], seed=i, truncation=i / 4) for i in range(4)]
    drawn = await asyncio.gather(*(collect(stub.Generate(request)) for request in requests))
    await slow
    alone = [images(await collect(stub.Generate(request)))[0] for request in requests]
    for responses, image in zip(drawn, alone, strict=True):
        assert np.abs(images(responses)[0] - image).max() <= 1


async def test_truncation_and_labels_and_provenance(stub: Any) -> None:
    drawn = {}
    for psi in (0.0, 1.0):
        for label in LABELS[:2]:
            responses = await collect(stub.Generate(generate("gan", label, seed=1, count=2, truncation=psi)))
            drawn[psi, label] = images(responses)
            (result, _) = (response.image for response in responses if response.HasField("image"))
            text = Image.open(io.BytesIO(result.image.data)).text  # type: ignore[attr-defined]
            assert (text["prompt"], text["truncation"]) == (label, f"{psi:g}")
            assert "sampler" not in text
    assert np.array_equal(*drawn[0.0, LABELS[0]])
    assert not np.array_equal(*drawn[1.0, LABELS[0]])
    assert not np.array_equal(drawn[0.0, LABELS[0]][0], drawn[0.0, LABELS[1]][0])


async def test_latent_walks_of_a_generator(stub: Any) -> None:
    ends = [pb.LatentPoint(seed=1, prompt=LABELS[0]), pb.LatentPoint(seed=2, prompt=LABELS[1])]
    request = pb.InterpolateRequest(model="gan", start=ends[0], end=ends[1], frame_count=5)
    frames = images(await collect(stub.Interpolate(request)))
    (last,) = images(await collect(stub.Generate(generate("gan", LABELS[1], seed=2))))
    assert len(frames) == 5 and np.abs(frames[-1] - last).max() <= 1
    styles = [np.full((8, 1, 1), value, "<f4") for value in (-1.0, 1.0)]
    tensors = [pb.Tensor(shape=style.shape, data=style.tobytes()) for style in styles]
    walk = pb.InterpolateRequest(
        model="gan",
        start=pb.LatentPoint(latent=tensors[0]),
        end=pb.LatentPoint(latent=tensors[1]),
        method=pb.INTERPOLATION_METHOD_LINEAR,
        frame_count=3,
    )
    between = images(await collect(stub.Interpolate(walk)))
    decoded = await stub.Decode(pb.DecodeRequest(model="gan", latents=tensors))
    assert np.abs(between[0] - pixels(decoded.images[0])).max() <= 1
    assert np.abs(between[-1] - pixels(decoded.images[1])).max() <= 1
    assert np.abs(between[1] - between[0]).max() > 2


@pytest.mark.parametrize("model", ["flow", "classes", "pixels", "large", "packed", "inpainting"])
async def test_edits(stub: Any, model: str) -> None:
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 8:] = 255
    request = pb.EditRequest(
        model=model,
        prompt=PROMPTS[model],
        init_image=png(PICTURE),
        mask=png(mask),
        parameters=pb.DiffusionParameters(steps=5, seed=1),
    )
    (edited,) = images(await collect(stub.Edit(request)))
    assert np.array_equal(edited[:, :8], PICTURE[:, :8])
    assert not np.array_equal(edited[:, 8:], PICTURE[:, 8:])


async def test_pixels_have_likelihoods_and_latents_densities(stub: Any) -> None:
    models = {
        model.id: list(model.score_methods)
        for model in (await stub.ListModels(pb.ListModelsRequest())).models
    }
    latent = {name: [ELBO, FLOW] for name in ("flow", "classes", "large", "packed", "inpainting")}
    assert models == {**latent, "pixels": [FLOW], "gan": []}
    pixels = await stub.Score(pb.ScoreRequest(model="pixels", images=[png(PICTURE)] * 2, steps=2))
    assert "8-bit RGB levels" in pixels.method and "2 steps" in pixels.method
    assert pixels.timings.denoise_ms > 0
    first, second = pixels.bounds
    assert first == second
    assert first.dimension_count == PICTURE.size and first.standard_error > 0
    assert first.bits_per_dimension == pytest.approx(-first.elbo / math.log(2) / PICTURE.size)
    request = pb.ScoreRequest(model="classes", images=[png(PICTURE)], method=FLOW, prompt="goldfish", steps=2)
    latents = await stub.Score(request)
    assert "no likelihood of the image" in latents.method
    assert latents.bounds[0].dimension_count == 4 * 8 * 8
    request.prompt = "tench"
    assert (await stub.Score(request)).bounds[0].elbo != latents.bounds[0].elbo


async def test_a_long_score_lets_others_by_and_ends_with_its_caller(
    stub: Any, registry: CollectorRegistry
) -> None:
    long = stub.Score(pb.ScoreRequest(model="pixels", images=[png(PICTURE)] * 16, samples=64, steps=1000))
    while not registry.get_sample_value("quadrille_image_requests_running"):
        await asyncio.sleep(0.01)
    assert images(await collect(stub.Generate(generate("pixels", steps=2, seed=1))))
    assert registry.get_sample_value("quadrille_image_requests_running") == 1
    long.cancel()
    while registry.get_sample_value("quadrille_image_requests_running"):
        await asyncio.sleep(0.01)
    assert registry.get_sample_value("quadrille_image_cancelled_total") == 1


SEED = pb.LatentPoint(seed=1)
IMAGE = pb.LatentPoint(image=png(PICTURE))
BAD: list[tuple[str, Message, str]] = [
    ("Generate", generate("flow", sampler=pb.SAMPLER_DDIM), "parameters.sampler"),
    ("Generate", generate("flow", truncation=0.5), "parameters.truncation"),
    ("Generate", generate("flow", width=18), "parameters.width"),
    ("Generate", generate("packed", negative_prompt="blurry"), "parameters.negative_prompt"),
    ("Generate", generate("packed", width=18), "parameters.width"),
    ("Generate", generate("large", sampler=pb.SAMPLER_FLOW_MATCH_EULER), "parameters.sampler"),
    ("Generate", generate("classes", "a goldfish"), "prompt"),
    ("Generate", generate("classes", negative_prompt="blurry"), "parameters.negative_prompt"),
    ("Generate", generate("classes", width=8, height=8), "parameters.width"),
    ("Generate", generate("pixels", "a cat"), "prompt"),
    ("Generate", generate("pixels", guidance_scale=3), "parameters.guidance_scale"),
    ("Generate", generate("pixels", negative_prompt="x"), "parameters.negative_prompt"),
    ("Generate", generate("pixels", sampler=pb.SAMPLER_FLOW_MATCH_EULER), "parameters.sampler"),
    ("Generate", generate("gan", ""), "prompt"),
    ("Generate", generate("gan", "cat"), "prompt"),
    ("Generate", generate("gan", guidance_scale=3), "parameters.guidance_scale"),
    ("Generate", generate("gan", negative_prompt=LABELS[0]), "parameters.negative_prompt"),
    ("Generate", generate("gan", sampler=pb.SAMPLER_DDIM), "parameters.sampler"),
    ("Generate", generate("gan", truncation=1.5), "parameters.truncation"),
    ("Generate", generate("gan", height=32), "parameters.height"),
    ("Edit", pb.EditRequest(model="gan", prompt=LABELS[0], init_image=png(PICTURE)), "model"),
    ("Edit", pb.EditRequest(model="pixels", prompt="x", init_image=png(PICTURE)), "prompt"),
    ("Interpolate", pb.InterpolateRequest(model="gan", start=SEED, end=SEED), "start.prompt"),
    ("Interpolate", pb.InterpolateRequest(model="gan", start=IMAGE, end=IMAGE), "model"),
    ("Interpolate", pb.InterpolateRequest(model="pixels", start=IMAGE, end=IMAGE), "model"),
    ("Encode", pb.EncodeRequest(model="pixels", images=[png(PICTURE)]), "model"),
    ("Encode", pb.EncodeRequest(model="gan", images=[png(PICTURE)]), "model"),
    (
        "Decode",
        pb.DecodeRequest(model="gan", latents=[pb.Tensor(shape=[4], data=bytes(16))]),
        "latents[0].shape",
    ),
    ("Score", pb.ScoreRequest(model="gan", images=[png(PICTURE)]), "model"),
    ("Score", pb.ScoreRequest(model="pixels", images=[png(PICTURE)], prompt="x"), "prompt"),
    ("Score", pb.ScoreRequest(model="pixels", images=[png(PICTURE)], method=ELBO), "method"),
    ("Score", pb.ScoreRequest(model="classes", images=[png(PICTURE)], method=FLOW, prompt="x"), "prompt"),
]


async def test_what_a_family_cannot_serve_is_refused_by_name(
    stub: Any, fields: Callable[[grpc.aio.AioRpcError], list[str]]
) -> None:
    for method, request, field in BAD:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            call = getattr(stub, method)(request)
            await (collect(call) if method in ("Generate", "Edit", "Interpolate") else call)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, (method, request)
        assert fields(caught.value) == [field], (method, request)
