"""POST /v1/embeddings."""

import base64
import struct
from typing import Any

from fastapi import APIRouter, Request

from gateway.backends import TextBackend
from gateway.domain.text import EmbedRequest
from gateway.http.answers import EmbeddingList
from gateway.http.caller import unless_gone
from gateway.http.openapi import answered
from gateway.http.schemas import EmbeddingBody


def embedding_routes(text: TextBackend) -> APIRouter:
    """The route over a text backend."""
    router = APIRouter()

    @router.post("/v1/embeddings", responses=answered(EmbeddingList))
    async def create_embeddings(request: Request, body: EmbeddingBody) -> dict[str, Any]:
        """Map texts to unit vectors."""
        inputs = (body.input,) if isinstance(body.input, str) else tuple(body.input)
        result = await unless_gone(request, text.embed(EmbedRequest(body.model, inputs, body.dimensions)))
        encode = _base64 if body.encoding_format == "base64" else list
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": encode(vector)}
                for index, vector in enumerate(result.vectors)
            ],
            "model": result.model,
            "usage": {"prompt_tokens": result.prompt_token_count, "total_tokens": result.prompt_token_count},
        }

    return router


def _base64(vector: tuple[float, ...]) -> str:
    """Little-endian float32, as OpenAI's client reads it."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
