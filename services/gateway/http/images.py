"""POST /v1/images/generations."""

import base64
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from serving.errors import FailedPrecondition

from gateway.backends import ImageBackend
from gateway.domain.image import ImageFormat, ImagePreview, ImageRequest, ImageResult
from gateway.http.caller import unless_gone
from gateway.http.schemas import ImageBody
from gateway.http.stream import Event, respond

_DEFAULT_STEPS = 20  # what previews are spread over when the request names no number of steps


def image_routes(images: ImageBackend) -> APIRouter:
    """The route over an image backend."""
    router = APIRouter()

    @router.post("/v1/images/generations", response_model=None)
    async def create(request: Request, body: ImageBody) -> Any:
        asked = _request(body, request.state.request_id)
        if body.stream:
            return await unless_gone(request, respond(_events(images, asked, body), done=False))
        return await unless_gone(request, _whole(images, asked))

    return router


def _request(body: ImageBody, request_id: str) -> ImageRequest:
    width, height = (None, None) if body.size == "auto" else map(int, body.size.split("x"))
    every = 0
    if body.stream and body.partial_images:
        every = max(1, (body.steps or _DEFAULT_STEPS) // (body.partial_images + 1))
    return ImageRequest(
        model=body.model,
        prompt=body.prompt,
        negative_prompt=body.negative_prompt,
        width=width,
        height=height,
        steps=body.steps,
        guidance_scale=body.guidance_scale,
        seed=body.seed,
        count=1 if body.n is None else body.n,
        format=ImageFormat(body.output_format),
        preview_every_steps=every,
        request_id=request_id,
    )


async def _whole(images: ImageBackend, asked: ImageRequest) -> dict[str, Any]:
    async with aclosing(images.generate(asked)) as events:
        results = [event async for event in events if isinstance(event, ImageResult)]
    if any(result.withheld for result in results):
        raise _withheld()
    results.sort(key=lambda result: result.index)
    data = [{"b64_json": _base64(result.data), "seed": result.seed} for result in results]
    return {"created": int(time.time()), "data": data, "output_format": asked.format.value}


async def _events(images: ImageBackend, asked: ImageRequest, body: ImageBody) -> AsyncGenerator[Event, None]:
    partial = 0
    async with aclosing(images.generate(asked)) as events:
        async for event in events:
            if isinstance(event, ImagePreview) and partial < body.partial_images:
                yield _event("partial_image", event, asked, partial_image_index=partial)
                partial += 1
            elif isinstance(event, ImageResult):
                if event.withheld:
                    raise _withheld()
                yield _event("completed", event, asked, seed=event.seed)


def _event(kind: str, image: ImagePreview | ImageResult, asked: ImageRequest, **more: int) -> Event:
    name = f"image_generation.{kind}"
    data = {
        "type": name,
        "b64_json": _base64(image.data),
        "created_at": int(time.time()),
        "size": f"{image.width}x{image.height}",
        "output_format": asked.format.value,
        "background": "opaque",
        "quality": "auto",
    }
    return name, {**data, **more}


def _withheld() -> FailedPrecondition:
    return FailedPrecondition("MODERATION_BLOCKED", "an image was withheld by the safety filter")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
