"""Images as OpenAI answers them: whole, or event by event with partial images on the way."""

import base64
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from serving.errors import FailedPrecondition

from gateway.domain.image import ImageEvent, ImagePreview, ImageRequest, ImageResult
from gateway.http.stream import Event

Made = AsyncGenerator[ImageEvent, None]
Kind = Literal["image_generation", "image_edit"]


async def whole(made: Made, asked: ImageRequest) -> dict[str, Any]:
    """All images, in order; raises FailedPrecondition when one is withheld."""
    async with aclosing(made) as events:
        results = [_shown(event) async for event in events if isinstance(event, ImageResult)]
    results.sort(key=lambda result: result.index)
    data = [{"b64_json": _base64(result.data), "seed": result.seed} for result in results]
    first = results[0]
    return {
        "created": int(time.time()),
        "data": data,
        "background": "opaque",
        "output_format": asked.format.value,
        "size": f"{first.width}x{first.height}",
    }


async def streamed(
    made: Made, asked: ImageRequest, kind: Kind, partial_images: int
) -> AsyncGenerator[Event, None]:
    """At most so many partial images of each image, and each image when it is done."""
    partial: Counter[int] = Counter()
    async with aclosing(made) as events:
        async for event in events:
            if isinstance(event, ImagePreview) and partial[event.index] < partial_images:
                place = partial[event.index]
                partial[event.index] += 1
                yield _event(f"{kind}.partial_image", event, asked, partial_image_index=place)
            elif isinstance(event, ImageResult):
                yield _event(f"{kind}.completed", _shown(event), asked, seed=event.seed)


def _event(name: str, image: ImagePreview | ImageResult, asked: ImageRequest, **more: int) -> Event:
    data = {
        "type": name,
        "b64_json": _base64(image.data),
        "created_at": int(time.time()),
        "size": f"{image.width}x{image.height}",
        "output_format": asked.format.value if isinstance(image, ImageResult) else "png",
        "background": "opaque",
        "quality": "auto",
    }
    return name, {**data, **more}


def _shown(result: ImageResult) -> ImageResult:
    if result.withheld:
        raise FailedPrecondition("MODERATION_BLOCKED", "an image was withheld by the safety filter")
    return result


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
