"""POST /v1/rerank, which OpenAI lacks: in the form of Jina and Cohere, which vLLM and LiteLLM speak too."""

from typing import Any

from fastapi import APIRouter, Request

from gateway.backends import TextBackend
from gateway.http.answers import Ranking
from gateway.http.caller import unless_gone
from gateway.http.openapi import answered
from gateway.http.schemas import RerankBody


def rerank_routes(text: TextBackend) -> APIRouter:
    """The route over a text backend."""
    router = APIRouter()

    @router.post("/v1/rerank", responses=answered(Ranking))
    async def rank_documents(request: Request, body: RerankBody) -> dict[str, Any]:
        """Order documents by their relevance to a query."""
        documents = [item if isinstance(item, str) else item.text for item in body.documents]
        result = await unless_gone(request, text.rerank(body.model, body.query, documents))
        best = sorted(range(len(documents)), key=lambda place: -result.scores[place])[: body.top_n]
        results: list[dict[str, Any]] = [
            {"index": place, "relevance_score": result.scores[place]} for place in best
        ]
        if body.return_documents:
            results = [{**item, "document": {"text": documents[item["index"]]}} for item in results]
        tokens = result.prompt_token_count
        return {
            "id": f"rerank-{request.state.request_id}",
            "model": result.model,
            "results": results,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    return router
