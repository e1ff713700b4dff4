"""GET /v1/models and /v1/models/{id}."""

from typing import Any

from fastapi import APIRouter
from serving.errors import NotFound, Unavailable

from gateway.backends import ImageBackend, TextBackend
from gateway.http.answers import Model, ModelList
from gateway.http.openapi import answered


def model_routes(text: TextBackend, images: ImageBackend) -> APIRouter:
    """The routes over both kinds of models."""
    router = APIRouter()

    async def listed() -> list[dict[str, Any]]:
        names: dict[str, None] = {}
        lost: list[Unavailable] = []
        for backend in (text, images):
            try:
                names |= dict.fromkeys(model.id for model in await backend.list_models())
            except Unavailable as error:  # the other's models can be used all the same
                lost.append(error)
        if lost and not names:
            raise lost[0]
        return [{"id": name, "object": "model", "created": 0, "owned_by": "quadrille"} for name in names]

    @router.get("/v1/models", responses=answered(ModelList))
    async def list_models() -> dict[str, Any]:
        """List the models that can be reached."""
        return {"object": "list", "data": await listed()}

    @router.get("/v1/models/{model:path}", responses=answered(Model))
    async def get_model(model: str) -> dict[str, Any]:
        """Tell of one model."""
        for entry in await listed():
            if entry["id"] == model:
                return entry
        raise NotFound("model", model)

    return router
