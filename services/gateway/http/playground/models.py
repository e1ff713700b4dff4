"""GET /api/models: what is loaded, with what the page needs to offer it."""

from typing import Any

from fastapi import APIRouter
from serving.errors import Unavailable

from gateway.backends import ImageBackend, TextBackend


def catalogue_routes(text: TextBackend, images: ImageBackend) -> APIRouter:
    """The route over both kinds of models; those of a service that is lost are left out."""
    router = APIRouter()

    @router.get("/api/models")
    async def list_models() -> dict[str, Any]:
        return {"text": await _texts(text), "image": await _images(images)}

    return router


async def _texts(text: TextBackend) -> list[dict[str, Any]]:
    try:
        models = await text.list_models()
    except Unavailable:
        return []
    return [
        {
            "id": model.id,
            "capabilities": sorted(model.capabilities),
            "context_length": model.context_length,
        }
        for model in models
    ]


async def _images(images: ImageBackend) -> list[dict[str, Any]]:
    try:
        models = await images.list_models()
    except Unavailable:
        return []
    return [
        {
            "id": model.id,
            "width": model.default_width,
            "height": model.default_height,
            "steps": model.default_steps,
        }
        for model in models
        if model.generates
    ]
