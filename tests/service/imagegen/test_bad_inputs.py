import io
import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from PIL import Image
from quadrille.image.v1 import image_pb2 as pb

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def png(width: int, height: int) -> pb.Image:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return pb.Image(data=buffer.getvalue())


def bomb(width: int, height: int) -> pb.Image:
    """A small file that says it is huge."""
    chunks = b""
    for name, body in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100_000))),
        (b"IEND", b""),
    ):
        chunks += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return pb.Image(data=b"\x89PNG\r\n\x1a\n" + chunks)


def generate(**parameters: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(parameters=pb.DiffusionParameters(**parameters))


def tensor(*shape: int, value: float = 0.0) -> pb.Tensor:
    return pb.Tensor(shape=shape, data=np.full(shape, value, "<f4").tobytes())


SEED = pb.LatentPoint(seed=1)
LATENT = pb.LatentPoint(latent=tensor(4, 8, 8))
FLOW = pb.SCORE_METHOD_PROBABILITY_FLOW
BAD: list[tuple[str, Message, str]] = [
    ("Generate", generate(width=100_000, height=10_000), "parameters.width"),
    ("Generate", generate(height=17), "parameters.height"),
    ("Generate", generate(steps=10**6), "parameters.steps"),
    ("Generate", generate(steps=-1), "parameters.steps"),
    ("Generate", generate(count=10**9), "parameters.count"),
    ("Generate", generate(count=0), "parameters.count"),
    ("Generate", generate(guidance_scale=math.nan), "parameters.guidance_scale"),
    ("Generate", generate(guidance_scale=math.inf), "parameters.guidance_scale"),
    ("Generate", generate(seed=-1), "parameters.seed"),
    ("Generate", generate(sampler=77), "parameters.sampler"),
    ("Generate", generate(format=77), "parameters.format"),
    ("Generate", generate(negative_prompt="x" * 4097), "parameters.negative_prompt"),
    ("Generate", pb.GenerateRequest(prompt="x" * 4097), "prompt"),
    ("Generate", pb.GenerateRequest(request_id="x" * 129), "request_id"),
    ("Generate", pb.GenerateRequest(priority=101), "priority"),
    ("Generate", pb.GenerateRequest(model="vae"), "model"),
    ("Edit", pb.EditRequest(prompt="x"), "init_image"),
    ("Edit", pb.EditRequest(init_image=pb.Image()), "init_image.data"),
    ("Edit", pb.EditRequest(init_image=bomb(30_000, 30_000)), "init_image.data"),
    ("Edit", pb.EditRequest(init_image=bomb(5_000, 5_000)), "init_image"),
    ("Edit", pb.EditRequest(init_image=png(16, 16), mask=png(16, 8)), "mask"),
    ("Edit", pb.EditRequest(init_image=png(16, 16), mask_channel=9), "mask_channel"),
    ("Edit", pb.EditRequest(init_image=png(16, 16), strength=math.nan), "strength"),
    ("Edit", pb.EditRequest(init_image=png(16, 16), strength=0), "strength"),
    ("Edit", pb.EditRequest(init_image=pb.Image(data=b"x", format=77)), "init_image.format"),  # type: ignore[arg-type]
    ("Interpolate", pb.InterpolateRequest(start=SEED), "end"),
    ("Interpolate", pb.InterpolateRequest(start=SEED, end=LATENT), "end"),
    ("Interpolate", pb.InterpolateRequest(start=SEED, end=SEED, frame_count=10**9), "frame_count"),
    ("Interpolate", pb.InterpolateRequest(start=SEED, end=SEED, method=9), "method"),  # type: ignore[arg-type]
    ("Encode", pb.EncodeRequest(), "images"),
    ("Encode", pb.EncodeRequest(images=[png(16, 16)] * 17), "images"),
    ("Encode", pb.EncodeRequest(images=[png(16, 16), png(8, 8)]), "images[1]"),
    ("Encode", pb.EncodeRequest(images=[png(16, 16)], seed=-5), "seed"),
    ("Decode", pb.DecodeRequest(), "latents"),
    ("Decode", pb.DecodeRequest(latents=[tensor(4, 8, 8, value=math.nan)]), "latents[0].data"),
    ("Decode", pb.DecodeRequest(latents=[pb.Tensor(shape=[4, 8, 8], data=b"x")]), "latents[0].data"),
    ("Decode", pb.DecodeRequest(latents=[pb.Tensor(shape=[2**31 - 1] * 3)]), "latents[0].data"),
    ("Decode", pb.DecodeRequest(latents=[tensor(3, 8, 8)]), "latents[0].shape"),
    ("Decode", pb.DecodeRequest(latents=[tensor(4, 8, 8), tensor(4, 8, 4)]), "latents[1]"),
    ("Score", pb.ScoreRequest(images=[png(16, 16)], samples=10**9), "samples"),
    ("Score", pb.ScoreRequest(images=[pb.Image(data=b"junk")]), "images[0].data"),
    ("Score", pb.ScoreRequest(images=[png(16, 16)], method=9), "method"),  # type: ignore[arg-type]
    ("Score", pb.ScoreRequest(images=[png(16, 16)], prompt="x"), "prompt"),
    ("Score", pb.ScoreRequest(images=[png(16, 16)], steps=1), "steps"),
    ("Score", pb.ScoreRequest(images=[png(16, 16)], method=FLOW, steps=0), "steps"),
    ("Score", pb.ScoreRequest(images=[png(16, 16)], method=FLOW, steps=1001), "steps"),
    ("Score", pb.ScoreRequest(images=[png(16, 16)], method=FLOW, prompt="x" * 4097), "prompt"),
]


async def call(stub: Any, method: str, request: Message) -> None:
    answer = getattr(stub, method)(request)
    if method in ("Generate", "Edit", "Interpolate"):
        async for _ in answer:
            pass
    else:
        await answer


async def test_bad_requests_name_their_field(
    stub: Any, fields: Callable[[grpc.aio.AioRpcError], list[str]]
) -> None:
    for method, request, field in BAD:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(stub, method, request)
        assert (caught.value.code(), fields(caught.value)) == (INVALID, [field]), (method, field)


async def test_unknown_model(stub: Any) -> None:
    for method, request in (
        ("Generate", pb.GenerateRequest(model="../secret")),
        ("Encode", pb.EncodeRequest(model="other", images=[png(16, 16)])),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(stub, method, request)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_message_over_the_limit(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(stub, "Encode", pb.EncodeRequest(images=[pb.Image(data=bytes(33 * 1024 * 1024))]))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_unknown_method(stub: Any, channel: grpc.aio.Channel) -> None:
    method = channel.unary_unary("/quadrille.image.v1.ImageService/Upscale")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await method(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
